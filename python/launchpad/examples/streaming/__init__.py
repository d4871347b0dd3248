"""A method whose results arrive while they are made."""
