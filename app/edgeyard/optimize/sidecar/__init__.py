"""Tools that cannot live in our interpreter: other Python environments and vendors' programs, behind one contract."""
