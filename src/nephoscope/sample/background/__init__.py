"""The company's daily life: a file a part of it, whose `day` gives the records of a day."""
