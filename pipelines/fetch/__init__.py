"""`medvision fetch`: raw archives from where they are published into the layout that a build reads."""
