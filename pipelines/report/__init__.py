"""`medvision report`: a release on one page that needs no network: numbers, doubts and annotated slices."""
