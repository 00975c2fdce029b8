"""A visit to a page: who comes, with which scope and time, and which page it is."""
