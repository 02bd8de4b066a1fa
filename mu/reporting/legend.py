"""What the words of verdicts mean, said below every table."""

from mu.results.headline import TAU

VERDICTS = (
    "Like the oracle: by every decisive score the pairs show that at most "
    f"{100 * TAU:.0f} % of the original's gap can be left; no more than that is proved. Differs: "
    "outside what retraining with another seed gives, at 5 % over the scores of a row. The row "
    "null is a retrained model: it reads differs in at most about 2 of 100 tables, so that of 11 "
    "perfect methods one may in 16 of 100."
)
