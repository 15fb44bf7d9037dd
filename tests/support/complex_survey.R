# Estimates of complex surveys by R's package survey.
#
# Usage: Rscript complex_survey.R folder...
# Each folder holds
# records.csv: weight, stratum, unit, certain (1: all units of the stratum were sampled), age (a number, or empty), and a
#   column for each answer (0, 1 or empty) and for each domain (0 or 1), whose records have an answer
# cells.csv: standard (1: standardised by age), domain and answer (their columns), sizes (of the standard population by age,
#   separated by spaces)
# and gets results.csv, with a row for each cell.
suppressPackageStartupMessages(library(survey))
options(survey.lonely.psu = "adjust")

design_of <- function(records) {
  # The units of a stratum that was sampled with certainty are all there are; others are a few of many.
  units <- tapply(records$unit, records$stratum, function(unit) length(unique(unit)))
  records$population <- ifelse(records$certain == 1, units[records$stratum], Inf)
  svydesign(ids = ~unit, strata = ~stratum, weights = ~weight, fpc = ~population, data = records, nest = TRUE)
}

estimate <- function(cell, design, records) {
  formula <- as.formula(paste0("~", cell$answer))
  domain <- subset(design, records[[cell$domain]] == 1)
  if (cell$standard == 1) {
    sizes <- as.numeric(strsplit(cell$sizes, " ")[[1]])
    domain <- svystandardize(domain, by = ~age, over = ~1, population = sizes)
  }
  mean <- svymean(formula, domain)
  value <- as.numeric(coef(mean))
  variance <- as.numeric(vcov(mean))
  degrees <- degf(domain)
  respondents <- nrow(domain)
  unanimous <- value == 0 || value == 1
  logit <- beta <- c(NA, NA)
  if (degrees > 0) {
    # Korn and Graubard's limits with the rule of NCHS: no more effective respondents than respondents.
    adjustment <- (qt(0.975, respondents - 1) / qt(0.975, degrees))^2
    effective <- adjustment * (if (unanimous) respondents else value * (1 - value) / variance)
    size <- min(effective, respondents)
    beta <- c(qbeta(0.025, size * value, size * (1 - value) + 1), qbeta(0.975, size * value + 1, size * (1 - value)))
    if (!unanimous) {
      call <- function(method) eval(bquote(svyciprop(.(formula), domain, method = .(method), df = degrees)))
      logit <- as.vector(confint(call("xlogit")))
      few <- size * min(value, 1 - value) < 15
      if (few && effective <= respondents) {
        stopifnot(all.equal(beta, as.vector(confint(call("beta"))), tolerance = 1e-12))
      }
    }
  }
  data.frame(
    value = value, variance = variance, degrees = degrees, respondents = respondents,
    logit_low = logit[1], logit_high = logit[2], beta_low = beta[1], beta_high = beta[2]
  )
}

for (folder in commandArgs(trailingOnly = TRUE)) {
  records <- read.csv(file.path(folder, "records.csv"), colClasses = c(stratum = "character", unit = "character"))
  cells <- read.csv(file.path(folder, "cells.csv"), colClasses = c(sizes = "character"))
  design <- design_of(records)
  results <- do.call(rbind, lapply(seq_len(nrow(cells)), function(row) estimate(cells[row, ], design, records)))
  for (name in names(results)) results[[name]] <- format(results[[name]], digits = 17)
  write.csv(results, file.path(folder, "results.csv"), row.names = FALSE, quote = FALSE)
}
