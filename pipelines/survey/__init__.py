"""A look at raw data without building: headers, labels on request, doubles, sizes, published counts."""
