CREATE TABLE image_examinations (
    subject INTEGER NOT NULL,
    examined TEXT NOT NULL,
    counts TEXT NOT NULL,
    findings TEXT NOT NULL,
    CONSTRAINT pk_image_examinations PRIMARY KEY (subject)
);
