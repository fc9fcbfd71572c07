"""Scenes drawn by chance, with boxes around the things in them: pictures to train on that belong to nobody else.

    pen.py       a canvas, paints and curves
    street.py    drawings of things seen outside        home.py      of things seen at home
    things.py    the classes: their drawings, and where and how large they stand in a scene
    grounds.py   what is behind the things              clutter.py   what is between them and is none of them
    light.py     volume, shadows, time of day           stage.py     sprites, and laying them over each other
    scene.py     everything put together

A scene follows from its seed, number and size alone.
"""
