"""Share paths, operations, calls, responses, errors and pages among all API surfaces."""
