"""The service's refusals: every code it documents, its HTTP status, its text and where it appears.

Source: Model Studio docs, error-code pages (zh and en), read 2026-10; texts of parameter errors were measured
by third parties in Singapore and Beijing, 2026-08 and 2026-09. Texts marked (inferred) are ours.
"""

import json
import uuid
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Code:
    """One error code. `at`: "submit" (HTTP answer, no task), "task" (inside a FAILED task) or "both"."""

    code: str
    status: int
    message: str
    at: str


CODES: tuple[Code, ...] = (
    Code("InvalidApiKey", 401, "Invalid API-key provided.", "submit"),
    Code(
        "NOT AUTHORIZED",
        401,
        "Access denied: Either you are not authorized to access this workspace, or the workspace does not "
        "exist.",
        "submit",
    ),
    Code("AccessDenied", 403, "Access denied.", "submit"),
    Code(
        "AccessDenied.Unpurchased",
        403,
        "Access to model denied. Please make sure you are eligible for using the model.",
        "submit",
    ),
    Code("Model.AccessDenied", 403, "Model access denied.", "submit"),
    Code("Workspace.AccessDenied", 403, "Workspace access denied.", "submit"),
    Code("Endpoint.AccessDenied", 403, "Endpoint access denied.", "submit"),
    Code(
        "AllocationQuota.FreeTierOnly",
        403,
        "The free tier of the model has been exhausted.",  # inferred
        "submit",
    ),
    Code("ModelNotFound", 404, "Model can not be found.", "submit"),
    Code("WorkSpaceNotFound", 404, "WorkSpace can not be found.", "submit"),
    Code("NotFound", 404, "Not found.", "submit"),
    Code(
        "InvalidParameter",
        400,
        "Required parameter(size) missing or invalid, please check the request parameters.",
        "both",
    ),
    Code(
        "InvalidParameter.DataInspection",
        400,
        "Unable to download the media resource during the data inspection process.",
        "both",
    ),
    Code("DataInspectionFailed", 400, "Input data may contain inappropriate content.", "both"),
    Code(
        "IPInfringementSuspect",
        400,
        "Input data is suspected of being involved in IP infringement.",
        "both",
    ),
    Code("Arrearage", 400, "Access denied, please make sure your account is in good standing.", "submit"),
    Code(
        "InvalidURL",
        400,
        "The request URL is invalid, make sure the url is correct and is an image.",
        "both",
    ),
    Code("InvalidURL.ConnectionRefused", 400, "Connection refused.", "both"),
    Code("InvalidURL.Timeout", 400, "Download image timeout, please check network connection.", "both"),
    Code("InvalidImage.FileFormat", 400, "Invalid image format.", "both"),
    Code("InvalidImageFormat", 400, "Invalid image format.", "both"),
    Code("InvalidImageResolution", 400, "The image resolution is invalid.", "both"),
    Code("InvalidFile.Size", 400, "The file size is invalid.", "both"),
    Code("BadRequest.EmptyInput", 400, 'Required parameter "input" missing from request.', "submit"),
    Code(
        "BadRequest.EmptyParameters", 400, 'Required parameter "parameters" missing from request.', "submit"
    ),
    Code("BadRequest.EmptyModel", 400, 'Required parameter "model" missing from request.', "submit"),
    Code("BadRequest.IllegalInput", 400, "The input parameter requires json format.", "submit"),
    Code("BadRequest.InputDownloadFailed", 400, "Failed to download the input file.", "submit"),
    Code("BadRequest.TooLarge", 400, "Payload Too Large.", "submit"),
    Code("Throttling", 429, "Requests throttling triggered.", "submit"),
    Code("Throttling.RateQuota", 429, "Requests rate limit exceeded, please try again later.", "submit"),
    Code(
        "Throttling.BurstRate",
        429,
        "Request rate increased too quickly, please slow down and try again.",  # inferred
        "submit",
    ),
    Code("Throttling.Concurrency", 429, "Too many concurrent requests.", "submit"),
    Code(
        "Throttling.AllocationQuota",
        429,
        "Allocated quota exceeded, please increase your quota limit.",
        "submit",
    ),
    Code("CommodityNotPurchased", 429, "Commodity has not purchased yet.", "submit"),
    Code("PrepaidBillOverdue", 429, "The prepaid bill is overdue.", "submit"),
    Code("PostpaidBillOverdue", 429, "The postpaid bill is overdue.", "submit"),
    Code("BudgetLimitExceeded", 429, "The budget limit is exceeded.", "submit"),
    Code("InternalError", 500, "An internal error has occured, please try again later.", "both"),
    Code("InternalError.Algo", 500, "An internal error has occured during algorithm execution.", "both"),
    Code("InternalError.Upload", 500, "Failed to upload result.", "both"),
    Code("InternalError.FileUpload", 500, "Failed to upload file.", "both"),
    Code("SystemError", 500, "An system error has occured, please try again later.", "both"),
    Code("ModelServiceFailed", 500, "Failed to request model service.", "both"),
    Code("RequestTimeOut", 500, "Request timed out, please try again later.", "both"),
    Code("RewriteFailed", 500, "Failed to rewrite content for prompt.", "both"),
    Code(
        "InternalError.Timeout",
        500,
        "An internal timeout error has occured during execution, please try again later or contact service "
        "support.",
        "task",
    ),
    Code(
        "ModelServingError",
        503,
        "Too many requests. Your requests are being throttled due to system capacity limits. Please try "
        "again later.",
        "submit",
    ),
    Code("ModelUnavailable", 503, "The model is unavailable, please try again later.", "submit"),
)
BY_CODE: dict[str, Code] = {entry.code: entry for entry in CODES}


class RefusedError(Exception):
    """The service answers with an error instead of doing what was asked."""

    def __init__(self, code: str, message: str | None = None, status: int | None = None) -> None:
        entry = BY_CODE.get(code)
        self.code = code
        self.message = message or (entry.message if entry else "")
        self.status = status or (entry.status if entry else 400)
        super().__init__(f"{self.status} {code}: {self.message}")


def new_request_id() -> str:
    """A UUID-shaped id with version nibble 9, as the service's are (measured by third parties, 2024)."""
    text = str(uuid.uuid4())
    return f"{text[:14]}9{text[15:]}"


def envelope(code: str, message: str, request_id: str, openai: bool = False) -> bytes:
    """The body of an HTTP error: the native form, or the OpenAI form that some gateways answer with."""
    body: dict[str, Any] = {"code": code, "message": message, "request_id": request_id}
    if openai:
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        body = {"error": error, "request_id": request_id}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
