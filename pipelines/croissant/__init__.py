"""`croissant.json`: the release as Croissant 1.0 describes datasets, with the fields of Croissant RAI 1.0.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html, https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html
"""
