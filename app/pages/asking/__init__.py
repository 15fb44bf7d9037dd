"""What the first screen and the form ask: addresses, the first answer, and questions in plain words."""
