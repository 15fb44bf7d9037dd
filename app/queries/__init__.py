"""Request bodies, and what they mean in the codes of a table."""
