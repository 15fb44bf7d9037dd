"""What the columns of results mean, for people who open a file without having read the documentation."""

MEANINGS = {
    "absolute_gap": "the worst stratum less the best, in the unit of the values; in percentage points for percentages",
    "across": "what the compared estimates differ in",
    "best": "of rank: which end is good, min or max; of disparity: the best stratum",
    "category": "stratification category",
    "cell": "side of the comparison, a or b",
    "chance_best": "probability of being among the n best, 0 to 1",
    "chance_worst": "probability of being among the n worst, 0 to 1",
    "compared": "False if the estimate is too unreliable to be the best or the worst",
    "comparisons": "number of comparisons that p_adjusted is adjusted for",
    "difference": "mean of all rows less the location's, side a less side b, or the row less the reference; in "
    "percentage points for percentages",
    "dimension": "what the two sides of the comparison differ in",
    "equality": "Cochran's test of the hypothesis that all compared estimates are equal",
    "fitted": "value of the fitted line in this year",
    "flags": "what limits the use of the estimate, such as suppressed or unreliable; empty if nothing does",
    "footnote": "the publisher's footnote, if all rows of the estimate have the same",
    "global_mean": "mean of all rows of the question",
    "high": "upper 95 % limit of the estimate",
    "lack_of_fit": "test of the hypothesis that a straight line describes these years",
    "lack_of_fit_scale": "factor by which the standard errors of the trend are multiplied, at least 1",
    "location": "state, territory, or the nation",
    "locations": "number of locations",
    "low": "lower 95 % limit of the estimate",
    "mean": "mean of the rows of the table, unweighted",
    "n": "how many locations count as the best, and as the worst",
    "other_question": "the question of y",
    "p_adjusted": "p-value adjusted for the number of comparisons, by Benjamini and Hochberg",
    "p_value": "p-value of the difference",
    "pearson": "Pearson's correlation",
    "pearson_r": "Pearson's correlation",
    "question": "the question of x",
    "rank": "rank of the location, 1 being the best",
    "ranked": "number of locations with a rank",
    "reference": "value of the reference that the others are compared with",
    "relative_gap": "ratio of the worst stratum to the best",
    "reliability_x": "share of the variance of x across locations that is not sampling error",
    "reliability_y": "share of the variance of y across locations that is not sampling error",
    "rows": "rows of the table that the estimate rests on",
    "sample_size": "respondents",
    "simulation": "how the limits of ranks and the chances were found",
    "slope": "change of the fitted line in a year",
    "spearman": "Spearman's correlation",
    "spearman_rho": "Spearman's correlation",
    "standard_error": "standard error of the difference",
    "stratum": "group of respondents within the category",
    "value": "the estimate",
    "worst": "the worst stratum",
    "x": "estimate of the question",
    "y": "estimate of the other question",
    "year": "year of the data, or a span of years",
    "years": "years of the data",
    "z": "z statistic of the difference",
}
# Of a column such as slope_p_value, "slope" is the stem.
ENDINGS = {
    "low": "lower 95 % limit of: {}",
    "high": "upper 95 % limit of: {}",
    "standard_error": "standard error of: {}",
    "p_value": "p-value of: {}",
    "p_adjusted": "p-value, adjusted for the number of comparisons by Benjamini and Hochberg, of: {}",
    "z": "z statistic of: {}",
    "q": "test statistic of: {}",
    "degrees_of_freedom": "degrees of freedom of: {}",
    "flags": "flags of: {}",
}
REFERENCE = "reference_"


def meaning_of(column: str) -> str | None:
    """Return what a column means; None for a column of an unknown statistic."""
    if column in MEANINGS:
        return MEANINGS[column]
    for ending, words in ENDINGS.items():
        stem = column.removesuffix(f"_{ending}")
        if stem != column and stem in MEANINGS:
            return words.format(MEANINGS[stem])
    of_reference = meaning_of(column.removeprefix(REFERENCE)) if column.startswith(REFERENCE) else None
    return f"of the reference: {of_reference}" if of_reference is not None else None
