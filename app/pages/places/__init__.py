"""The pages of places: a list of them, and the profile of each."""
