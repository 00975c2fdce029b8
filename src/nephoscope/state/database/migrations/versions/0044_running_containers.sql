ALTER TABLE image_listings ADD COLUMN containers TEXT NOT NULL DEFAULT '[]';
