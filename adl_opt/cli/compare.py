"""The command compare: policies beside the proved optimum."""

from adl_opt.cli.law_options import NO_LAW, LawOptions
from adl_opt.cli.options import (
    BookFile,
    Cap,
    ComparisonPlot,
    Force,
    Long,
    Measures,
    Policies,
    Protect,
    Realized,
    Short,
    Solvent,
    SubjectTo,
    Table,
    one_by_one,
)
from adl_opt.cli.output import print_comparison, save_frame, say, writable, written_as
from adl_opt.cli.parsing import constraints_of, event_of, objective_of
from adl_opt.policies.registry import default_policies
from adl_opt.studies.compare import compare as compare_policies


@one_by_one
def compare(
    book: BookFile,
    short: Short = None,
    long: Long = None,
    protect: Protect = None,
    cap: Cap = None,
    subject_to: SubjectTo = None,
    realized: Realized = False,
    policies: Policies = None,
    measures: Measures = None,
    solvent: Solvent = False,
    law_options: LawOptions = NO_LAW,
    output: Table = None,
    plot: ComparisonPlot = None,
    force: Force = False,
) -> None:
    """What policies cost beside the proved optimum, and who bears it."""
    writable([output, plot], force)
    written_as(output, ".csv", ".parquet")
    written_as(plot, ".png", ".pdf", ".svg")
    event, notes = event_of(book, short, long, solvent, realized, protect, cap)
    law = law_options.law(event.book)
    chosen = [*(["realized"] if realized else []), *(policies or [])]
    plain = default_policies(event.book.isolated)
    wanted = None if measures is None else [objective_of(name, None) for name in measures]
    rules = chosen + (plain if policies is None else [])
    frame = compare_policies(event, law, rules, wanted, subject_to=constraints_of(subject_to), progress=True)
    files = save_frame(frame.reset_index(), output)
    if plot is not None:
        from adl_opt import plots

        plots.comparison(frame, plot)
        files.append(f"drew {plot}: what each policy exceeds the proved optimum by, and who bears it")
    say(notes)
    print_comparison(frame)
    say(files)
