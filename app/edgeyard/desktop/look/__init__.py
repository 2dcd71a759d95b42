"""How everything is drawn: colours, type, shapes, icons, the style sheet."""
