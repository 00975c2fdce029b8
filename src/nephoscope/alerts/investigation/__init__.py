"""An incident as a person needs it: who takes part, what happened in order, what is known of them in the estate, what was alike."""
