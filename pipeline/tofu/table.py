"""TOFU's metrics as measures of a benchmark's table."""

from pipeline.criteria.measures import Measure

TOFU_MEASURES = (
    Measure("tofu.forget_quality", "forget quality (p-value)", "higher", in_bars=False),
    Measure("tofu.model_utility", "model utility (geometric truth ratio)", "higher", in_bars=False),
    Measure("tofu.model_utility_arithmetic", "model utility (arithmetic truth ratio)", "higher", in_bars=False),
    Measure("tofu.forget_probability", "probability of the answer, forget rows", "lower", in_bars=False),
    Measure("tofu.forget_rouge_l_recall", "ROUGE-L recall, forget rows", "lower", in_bars=False),
    Measure("tofu.retain_probability", "probability of the answer, retain rows", "higher", in_bars=False),
    Measure("tofu.retain_rouge_l_recall", "ROUGE-L recall, retain rows", "higher", in_bars=False),
    Measure("tofu.extraction_strength", "extraction strength, forget rows", "lower", in_bars=False),
    Measure("tofu.exact_memorization", "exact memorization, forget rows", "lower", in_bars=False),
    Measure("tofu.membership_auc_loss", "membership AUC by loss", "gold", in_bars=False),
    Measure("tofu.membership_auc_zlib", "membership AUC by zlib", "gold", in_bars=False),
    Measure("tofu.membership_auc_min_k", "membership AUC by min-k", "gold", in_bars=False),
    Measure("tofu.membership_auc_min_k_plus_plus", "membership AUC by min-k++", "gold", in_bars=False),
    Measure("tofu.privleak", "privleak (percent; 0 is best)", "zero", in_bars=False),
)
