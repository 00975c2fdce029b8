"""Drawing pages: templates, charts, and how numbers, times, names and ids are written."""
