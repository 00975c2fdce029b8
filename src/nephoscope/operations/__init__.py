"""Operations on what people administer: commands, the API and forms of pages are made from them.

A file is a section of the API and the command of its name. Files in a folder are sections too; the command of the folder's name, in
nephoscope.cli, puts theirs together.
"""
