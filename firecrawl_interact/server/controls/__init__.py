"""What a person could do at a browser, done over CDP: mouse, keyboard, clipboard, tabs."""
