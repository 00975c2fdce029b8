"""Formats that the language borrows from .NET: date, number and composite formatting in the invariant culture."""
