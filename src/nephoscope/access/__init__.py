"""Who may do what: roles as Azure has them, principals and their secrets, and the guard that every request passes."""
