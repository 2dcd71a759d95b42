"""One file per revision, each leading to the next; never edited once it is out."""
