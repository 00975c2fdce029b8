"""What all surfaces share: paths, operations, calls, answers, errors, pages."""
