"""Every action once; menus, palette and command line read it."""
