# Estimates of a complex survey by R's package survey, for a file of records and a file of cells.
#
# Usage: Rscript complex_survey.R records.csv cells.csv results.csv
# records.csv: weight, stratum, unit, certain (1: all units of the stratum were sampled), age (a number, or empty), and a
#   column for each answer (0, 1 or empty) and for each domain (0 or 1)
# cells.csv: standard (1: standardised by age), domain and answer (their columns), sizes (of the standard population by age,
#   separated by spaces)
suppressPackageStartupMessages(library(survey))
arguments <- commandArgs(trailingOnly = TRUE)
records <- read.csv(arguments[1], colClasses = c(stratum = "character", unit = "character"))
cells <- read.csv(arguments[2], colClasses = c(sizes = "character"))
options(survey.lonely.psu = "adjust")

# The units of a stratum that was sampled with certainty are all there are; others are a few of many.
units <- tapply(records$unit, records$stratum, function(unit) length(unique(unit)))
records$population <- ifelse(records$certain == 1, units[records$stratum], Inf)

estimate <- function(cell) {
  records$answer <- records[[cell$answer]]
  design <- svydesign(
    ids = ~unit, strata = ~stratum, weights = ~weight, fpc = ~population, data = records, nest = TRUE
  )
  inside <- records[[cell$domain]] == 1 & !is.na(records$answer)
  if (cell$standard == 1) {
    inside <- inside & !is.na(records$age)
    sizes <- as.numeric(strsplit(cell$sizes, " ")[[1]])
    domain <- subset(design, inside)
    domain <- svystandardize(domain, by = ~age, over = ~1, population = sizes)
  } else {
    domain <- subset(design, inside)
  }
  mean <- svymean(~answer, domain)
  value <- as.numeric(coef(mean))
  variance <- as.numeric(vcov(mean))
  logit <- beta <- c(NA, NA)
  if (degf(domain) > 0) {
    # Korn and Graubard's limits with the rules of NCHS: no more effective respondents than respondents.
    respondents <- nrow(domain)
    unanimous <- value == 0 || value == 1
    adjustment <- (qt(0.975, respondents - 1) / qt(0.975, degf(domain)))^2
    effective <- adjustment * (if (unanimous) respondents else value * (1 - value) / variance)
    size <- min(effective, respondents)
    beta <- c(qbeta(0.025, size * value, size * (1 - value) + 1), qbeta(0.975, size * value + 1, size * (1 - value)))
    if (!unanimous) {
      logit <- as.vector(confint(svyciprop(~answer, domain, method = "xlogit", df = degf(domain))))
      published <- as.vector(confint(svyciprop(~answer, domain, method = "beta")))
      if (effective <= respondents) stopifnot(all.equal(beta, published, tolerance = 1e-12))
    }
  }
  data.frame(
    value = value, variance = variance, degrees = degf(domain), respondents = nrow(domain),
    logit_low = logit[1], logit_high = logit[2], beta_low = beta[1], beta_high = beta[2]
  )
}

results <- lapply(seq_len(nrow(cells)), function(row) estimate(cells[row, ]))
results <- do.call(rbind, results)
for (name in names(results)) results[[name]] <- format(results[[name]], digits = 17)
write.csv(results, arguments[3], row.names = FALSE, quote = FALSE)
