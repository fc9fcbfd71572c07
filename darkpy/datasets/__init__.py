"""Images with labels, as a network learns from them.

paths      lists of images, and where the labels of an image lie       augment         random changes of an image
labels     label files                                                 sizes           multi-scale training
detection  boxes as truth of [yolo], [region], [detection]             loader          batches, loaded ahead
classification  classes as truth of [softmax] and others               training        what a net is to be trained on
"""
