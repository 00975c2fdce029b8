"""An analytic rule: what its document says, the windows that it looks at, and what its query gives."""
