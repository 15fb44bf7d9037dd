"""The citation of a result: its three forms, read by other programs, and what it says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
from bibtexparser.entrypoint import parse_string
from bibtexparser.middlewares import LatexDecodingMiddleware
from citeproc import Citation, CitationItem, CitationStylesBibliography, CitationStylesStyle, formatter
from citeproc.source.json import CiteProcJSON

from app.citations.forms import bibtex_of, citation_of, csl_of, text_of
from app.citations.source import MODELLED, WARNING, CitedSource
from app.jobs.job import Access
from app.planner import Planner
from app.queries.form_fields import body_of
from app.queries.provenance import NAME, VERSION
from app.settings import Settings
from app.statistics import STATISTICS
from app.table.dataset import Dataset, dataset_of
from app.table.engines import load_table
from app.table.engines.pandas_reader import read_table
from app.table.survey_table import SurveyTable
from support.csl_schema import csl_schema
from support.layout_tables import LAYOUTS, QUESTION, table_of
from support.real_server import BUNDLED_TABLE
from support.small_survey import OBESITY
from support.survey_files import write

ACCESS = Access("http://stats.example:5000/prefix", "2026-01-31")
TITLE = "Nutrition, Physical Activity, and Obesity - Behavioral Risk Factor Surveillance System"
PUBLISHER = "Centers for Disease Control and Prevention"
CITED = [name for name, statistic in STATISTICS.items() if statistic.provenance]
NASTY = '50% of A&B_c #1 $x^2$ ~ \\ {open { and }close} "quoted" é Ω'
SOURCE = CitedSource(
    key="estimate-0123456789ab-01234567",
    dataset=Dataset("A title", "A publisher", "abcd-efgh", "https://data.example/d/abcd-efgh", 2021, "2026-01-30"),
    table_id="0123456789ab" + 52 * "0",
    modelled=False,
    result='Statistic "estimate" of "q", computed by a server 1.0',
    address="http://stats.example/?question=50%25&table=0123",
    accessed="2026-01-31",
)


@pytest.fixture(scope="module")
def modelled() -> SurveyTable:
    """The bundled table, which is modelled and has the columns of CDC's."""
    return load_table(Settings(data=str(BUNDLED_TABLE)))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> SurveyTable:
    """A table with the columns of CDC's table of adults."""
    return read_table(write(tmp_path_factory.mktemp("adults"), table_of(LAYOUTS["adults"])))


def document(table: SurveyTable, statistic: str = "estimate", access: Access | None = ACCESS, **body: Any) -> Any:
    """Return the document of a job."""
    raw = json.dumps(body or {"question": QUESTION}).encode()
    return json.loads(Planner(table).plan(statistic, raw, access).work().content)


def entry_of(bibtex: str, *, decoded: bool = True) -> dict[str, str]:
    """Return the fields of the only entry in a BibTeX file, with its key and type, as bibtexparser reads them."""
    library = parse_string(bibtex, append_middleware=[LatexDecodingMiddleware()] if decoded else [])
    assert not library.failed_blocks
    (entry,) = library.entries
    return {"key": entry.key, "type": entry.entry_type} | {field.key: field.value for field in entry.fields}


def rendered(item: Any) -> str:
    """Return an item of CSL-JSON as a style for references prints it."""
    style = CitationStylesStyle("harvard-cite-them-right", validate=False)
    bibliography = CitationStylesBibliography(style, CiteProcJSON([item]), formatter.plain)
    bibliography.register(Citation([CitationItem(item["id"])]))
    (line,) = bibliography.bibliography()
    return str(line)


@pytest.mark.parametrize("name", CITED)
def test_every_result_with_provenance_has_a_citation_that_other_programs_read(modelled: SurveyTable, name: str) -> None:
    found = document(modelled, name, **STATISTICS[name].example)
    assert list(found) == ["status", "data", "provenance", "citation"]
    citation = found["citation"]
    entry = entry_of(citation["bibtex"])
    jsonschema.validate([citation["csl"]], csl_schema())
    assert entry["key"] == citation["csl"]["id"]
    for form in (citation["text"], entry["note"], citation["csl"]["note"]):
        assert f'Statistic "{name}" of "{found["provenance"]["question"]}"' in form
        assert f"computed by {NAME} {VERSION} over version {modelled.id}" in form


@pytest.mark.parametrize("name", [name for name, statistic in STATISTICS.items() if not statistic.provenance])
def test_the_nine_results_that_have_to_stay_as_they_are_have_none(modelled: SurveyTable, name: str) -> None:
    assert list(document(modelled, name, **STATISTICS[name].example)) == ["status", "data"]


def test_a_citation_names_the_dataset_the_version_the_vintage_the_address_and_the_date(published: SurveyTable) -> None:
    found = document(published)
    citation, vintage = found["citation"], found["provenance"]["table"]["vintage"]
    entry, item = entry_of(citation["bibtex"], decoded=False), citation["csl"]
    assert citation["text"].startswith(f"{PUBLISHER}. {TITLE} [Data set hn4x-zwk7, https://data.cdc.gov/d/hn4x-zwk7].")
    assert f"(data to {vintage['last_year']}, first loaded {vintage['first_loaded']})" in citation["text"]
    assert citation["text"].endswith(f"{item['URL']} (accessed 2026-01-31).")
    assert (entry["author"], entry["title"], entry["version"]) == (f"{{{PUBLISHER}}}", f"{{{TITLE}}}", published.id)
    assert (entry["url"], entry["urldate"], entry["year"]) == (item["URL"], "2026-01-31", vintage["first_loaded"][:4])
    assert "hn4x-zwk7" in entry["howpublished"]
    assert (item["type"], item["title"], item["number"], item["version"]) == (
        "dataset",
        TITLE,
        "hn4x-zwk7",
        published.id,
    )
    assert item["accessed"] == {"date-parts": [[2026, 1, 31]]}
    assert rendered(item).startswith(f"{PUBLISHER} ({entry['year']}) “{TITLE}”.")
    assert "Accessed: January 31, 2026" in rendered(item)


def test_a_modelled_tables_citation_says_so_in_every_form_and_names_no_publisher(modelled: SurveyTable) -> None:
    found = document(modelled, question="Q036")
    citation, table = found["citation"], found["provenance"]["table"]
    entry = entry_of(citation["bibtex"])
    for title in (citation["text"], entry["title"], citation["csl"]["title"], rendered(citation["csl"])):
        assert f"{table['source']} ({MODELLED})" in title
    for form in (citation["text"], entry["note"], citation["csl"]["note"]):
        assert WARNING in form
    assert "author" not in entry
    assert not {"author", "publisher", "number"} & citation["csl"].keys()
    assert (table["publisher"], table["dataset_id"]) == (None, None)
    assert "hn4x-zwk7" not in json.dumps(citation)


def test_survey_data_are_not_called_modelled(published: SurveyTable) -> None:
    assert "modelled" not in json.dumps(document(published)["citation"])


@pytest.mark.parametrize("name", CITED)
def test_the_address_asks_the_same_of_the_same_version(modelled: SurveyTable, name: str) -> None:
    body = {**STATISTICS[name].example, "exclude": ["Guam"]} if name != "compare" else STATISTICS[name].example
    address = urlsplit(document(modelled, name, **body)["citation"]["csl"]["URL"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == "http://stats.example:5000/prefix/"
    fields = parse_qs(address.query, strict_parsing=True)
    assert (fields.pop("statistic"), fields["table"]) == ([name], [modelled.id])
    again = body_of(fields, STATISTICS[name].body)
    again.pop("table", None)
    planner = Planner(modelled)
    plans = [planner.plan(name, json.dumps(each).encode()) for each in (body, again)]
    assert plans[0].query == plans[1].query


def test_requests_for_one_figure_in_other_words_are_cited_in_their_own_words(modelled: SurveyTable) -> None:
    planner = Planner(modelled)
    by_id, by_text = ({"question": asked, "years": [2019]} for asked in ("Q036", OBESITY))
    contents = [planner.plan("estimate", json.dumps(body).encode(), ACCESS).work() for body in (by_id, by_text)]
    # Alone, each has the same bytes: none depends on what was asked before.
    for body, content in zip((by_id, by_text), contents, strict=True):
        alone = Planner(modelled).plan("estimate", json.dumps(body).encode(), ACCESS).work()
        assert alone.content == content.content
    addresses = [json.loads(each.content)["citation"]["csl"]["URL"] for each in contents]
    assert "question=Q036&" in addresses[0]
    assert "question=Percent+of+adults" in addresses[1]


def test_a_version_that_is_named_changes_no_byte(published: SurveyTable) -> None:
    plain, named = (
        Planner(published).plan("estimate", json.dumps({"question": QUESTION, **body}).encode(), ACCESS).work()
        for body in ({}, {"table": published.id})
    )
    assert plain.content == named.content


def test_without_address_and_date_a_citation_is_shorter(published: SurveyTable) -> None:
    for access in (None, Access("", "2026-01-31")):
        citation = document(published, access=access)["citation"]
        assert "URL" not in citation["csl"]
        assert "url" not in entry_of(citation["bibtex"])
        assert "://stats" not in citation["text"]
        assert ("accessed" in citation["csl"]) == ("(accessed" in citation["text"]) == (access is not None)
        jsonschema.validate([citation["csl"]], csl_schema())


def test_keys_tell_requests_statistics_and_versions_apart(published: SurveyTable, modelled: SurveyTable) -> None:
    keys = [
        document(published)["citation"]["csl"]["id"],
        document(published, question=QUESTION, by=["location", "year"])["citation"]["csl"]["id"],
        document(published, "rank", question=QUESTION, best="min")["citation"]["csl"]["id"],
        document(modelled, question="Q036")["citation"]["csl"]["id"],
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0].startswith(f"estimate-{published.id[:12]}-")
    elsewhere = document(published, access=Access("https://other.example", "2027-02-01"))
    assert elsewhere["citation"]["csl"]["id"] == keys[0]


def test_special_characters_of_latex_are_escaped() -> None:
    source = replace(SOURCE, dataset=replace(SOURCE.dataset, title=NASTY, publisher="R & D {x"), result=NASTY + "\n\t.")
    entry = entry_of(bibtex_of(source), decoded=False)
    assert entry["title"] == (
        r"{50\% of A\&B\_c \#1 \$x\textasciicircum{}2\$ \textasciitilde{} \textbackslash{} \textbraceleft{}open "
        r"\textbraceleft{} and \textbraceright{}close\textbraceright{} "
        '"quoted" é Ω}'
    )
    assert entry["author"] == r"{R \& D \textbraceleft{}x}"
    assert (entry["url"], entry["key"]) == (source.address, source.key)
    shown = entry_of(bibtex_of(source))["title"]
    # bibtexparser knows no name of a brace, and reads a circumflex as the accent.
    assert shown == NASTY.replace("{", "").replace("}", "").replace("^", "\N{MODIFIER LETTER CIRCUMFLEX ACCENT}")
    assert csl_of(source)["title"] == NASTY
    assert NASTY in text_of(source)


def test_a_table_without_years_and_publisher_has_a_citation_too() -> None:
    unknown = Dataset("table.csv", None, None, None, None, "2026-01-30")
    citation = citation_of(replace(SOURCE, dataset=unknown, accessed=None, address=None))
    assert citation["text"] == (
        'table.csv [Data set]. Statistic "estimate" of "q", computed by a server 1.0 over version '
        f"{SOURCE.table_id} of the table (first loaded 2026-01-30)."
    )
    assert entry_of(citation["bibtex"])["howpublished"] == "Data set"
    jsonschema.validate([citation["csl"]], csl_schema())


@pytest.mark.parametrize("wrong", [{"journal": "x"}, {"type": "data"}, {"issued": "2026"}, {"author": "CDC"}])
def test_the_schema_refuses_what_is_not_csl(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([csl_of(SOURCE) | wrong], csl_schema())


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_names_its_dataset_only_if_it_has_one_alone(tmp_path: Path, name: str) -> None:
    dataset = dataset_of(read_table(write(tmp_path, table_of(LAYOUTS[name]))).report)
    several = name in {"mortality", "break out", "break out by indicator"}
    assert (dataset.title == "survey.csv") == several
    assert dataset.publisher == (None if several else PUBLISHER)
    assert dataset.id == ("hn4x-zwk7" if name.startswith("adults") else None)
