"""A file a kind of live source; each exports `KIND`, and the folder is scanned for them."""
