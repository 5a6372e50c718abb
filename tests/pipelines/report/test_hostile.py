"""Names that are scripts stay names: the page has no element or attribute of theirs."""

import json

from report_page import SCRIPTS, read_page


def test_names_are_texts(hostile):
    page = read_page(hostile)
    assert len(page.of("script")) == 1
    assert not [attributes for _, attributes in page.tags if any(name.startswith("on") for name in attributes)]
    assert all(image.get("src", "data:").startswith("data:") for image in page.of("img"))
    labels = {label for card in page.of("article") for label in json.loads(card["data-label"])}
    assert {label.partition(" ")[2] for label in labels} == set(SCRIPTS)
    assert {row["label"].partition(" ")[2] for row in page.rows("labels")} == {
        " ".join(text.split()) for text in SCRIPTS
    }


def test_a_dollar_in_a_name_is_no_formula(hostile):
    assert "$x^2$" in "".join(read_page(hostile).words)


def test_a_dataset_that_no_table_knows_has_no_licence(hostile):
    (row,) = read_page(hostile).rows("licences")
    assert row["licence"] == "not known to this program"
