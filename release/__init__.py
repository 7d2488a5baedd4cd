"""What a release carries beside the program: its bill of materials and the licences in it."""
