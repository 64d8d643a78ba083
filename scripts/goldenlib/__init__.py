"""Parts of the golden-reference generator; see ../make-goldens.py."""
