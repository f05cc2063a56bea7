"""From pictures to faces: the networks run, detections of one picture, of many, of whatever a user names."""
