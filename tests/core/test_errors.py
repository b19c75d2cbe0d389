import pickle

import pytest

from opsbook.errors import ERROR_TYPES, OpsbookError, error_from_dict


@pytest.mark.parametrize("kind", (OpsbookError, *ERROR_TYPES))
def test_every_error_survives_pickling_and_json(kind):
    original = kind("it broke", hint="mend it", subject="api")
    for copy in (pickle.loads(pickle.dumps(original)), error_from_dict(original.as_dict())):
        assert type(copy) is kind
        assert (copy.message, copy.hint, copy.subject) == ("it broke", "mend it", "api")


def test_exit_codes_and_statuses_are_those_of_the_contract():
    codes = {kind.code: (kind.exit_code, kind.http_status) for kind in ERROR_TYPES}
    assert codes == {
        "usage": (2, 400),
        "config": (3, 422),
        "not_found": (4, 404),
        "conflict": (5, 409),
        "refused": (6, 403),
        "failed": (1, 500),
        "external": (7, 502),
        "transient": (7, 502),
        "permanent": (7, 502),
    }


def test_an_unknown_code_is_still_an_error_with_its_message():
    assert str(error_from_dict({"code": "newer", "message": "odd"})) == "odd"
