"""One widget a screen, each bound to one view-model. Pages never import each other."""
