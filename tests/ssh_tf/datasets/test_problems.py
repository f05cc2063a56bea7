"""Problems: counted by kind, the first few named."""

from ssh_tf.datasets.problems import Problems


def test_kinds_are_counted_and_items_named():
    problems = Problems()
    for at in range(7):
        problems.add("missing", f"image{at}")
    problems.add("malformed", "other")
    assert len(problems) == 8
    assert problems.counts() == {"missing": 7, "malformed": 1}
    assert problems.items("missing")[-1] == "image6"
    assert problems.items("unheard of") == []
    assert list(problems.lines(named=2)) == ["7 x missing: image0, image1, … and 5 more", "1 x malformed: other"]
    assert problems.as_json()["malformed"] == ["other"]
