"""stub"""


def run(folder, engine):
    return iter(())
