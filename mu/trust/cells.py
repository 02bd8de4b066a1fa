"""Cells of CSV files: none is computed or taken for a comment, and what was written is read."""

import re

COMPUTED = re.compile(r"'*[=+\-@\t\r\n#]")  # with marks before it that are the text's own


def csv_cell(value: object) -> object:
    """A value as a cell of a CSV file: text that a spreadsheet would compute begins with a quote.

    So does what would be a comment in front of a line.
    Text that begins like a cell so marked gets another quote, so that `cell_text` undoes it.

    >>> csv_cell("=HYPERLINK(1)"), csv_cell("-0.5"), csv_cell(-0.5), csv_cell("ssd")
    ("'=HYPERLINK(1)", '-0.5', -0.5, 'ssd')
    """
    if not isinstance(value, str) or not COMPUTED.match(value):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def cell_text(cell: str) -> str:
    """What `csv_cell` made a cell of.

    >>> cell_text("'=1.png"), cell_text("''=1.png"), cell_text("'tis.png")
    ('=1.png', "'=1.png", "'tis.png")
    """
    marked = cell.startswith("'") and COMPUTED.match(cell)
    return cell[1:] if marked else cell
