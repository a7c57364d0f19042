package dev.lathe.app.http;

import dev.lathe.compute.LatheException;

/// Why a request is not answered: the status, and type and code as OpenAI's clients know them.
public enum Fault {
  MALFORMED(400, "invalid_request_error", "malformed_request", "the request is no valid HTTP"),
  INVALID_JSON(400, "invalid_request_error", "invalid_json", "the body is not one JSON object"),
  MISSING_PARAMETER(
      400, "invalid_request_error", "missing_required_parameter", "a parameter is missing"),
  UNKNOWN_PARAMETER(
      400, "invalid_request_error", "unknown_parameter", "there is no such parameter"),
  UNSUPPORTED_PARAMETER(
      400, "invalid_request_error", "unsupported_parameter", "a parameter is not supported"),
  INVALID_VALUE(400, "invalid_request_error", "invalid_value", "a value cannot be used"),
  CONTEXT_LENGTH_EXCEEDED(
      400, "invalid_request_error", "context_length_exceeded", "the prompt is too long"),
  INVALID_API_KEY(401, "invalid_request_error", "invalid_api_key", "the key is missing or wrong"),
  NOT_ALLOWED(403, "permission_error", "insufficient_permissions", "the key does not allow this"),
  ORIGIN_NOT_ALLOWED(
      403, "permission_error", "origin_not_allowed", "the web page may not use this server"),
  NOT_FOUND(404, "invalid_request_error", "not_found", "there is no such thing"),
  MODEL_NOT_FOUND(404, "invalid_request_error", "model_not_found", "there is no such model"),
  NOT_SUPPORTED(501, "invalid_request_error", "not_supported", "this server does not do that"),
  METHOD_NOT_ALLOWED(
      405, "invalid_request_error", "method_not_allowed", "the path has no such method"),
  REQUEST_TIMEOUT(408, "invalid_request_error", "request_timeout", "the body came too slowly"),
  CONFLICT(409, "invalid_request_error", "conflict", "the state forbids it"),
  TOO_LARGE(413, "invalid_request_error", "request_too_large", "the body is too large"),
  MEDIA_TYPE(415, "invalid_request_error", "unsupported_media_type", "the body is not JSON"),
  HEAD_TOO_LARGE(
      431, "invalid_request_error", "headers_too_large", "the head of the request is too large"),
  OVERLOADED(429, "rate_limit_error", "overloaded", "too many requests wait already"),
  TOO_MANY_STREAMS(
      429, "rate_limit_error", "rate_limit_exceeded", "too many requests of one key at once"),
  INTERNAL(500, "server_error", "internal_error", "a defect of Lathe"),
  UNAVAILABLE(503, "server_error", "unavailable", "the server starts or stops"),
  DEADLINE(504, "server_error", "deadline_exceeded", "the answer took too long"),
  NO_ROOM(507, "server_error", "insufficient_capacity", "memory or disk do not suffice");

  private final int status;
  private final String type;
  private final String code;
  private final String meaning;

  Fault(int status, String type, String code, String meaning) {
    this.status = status;
    this.type = type;
    this.code = code;
    this.meaning = meaning;
  }

  public int status() {
    return status;
  }

  public String type() {
    return type;
  }

  public String code() {
    return code;
  }

  /// For the OpenAPI document and the docs.
  public String meaning() {
    return meaning;
  }

  /// Whether asking the same again may help, which some clients do by themselves where the status
  /// is one of a server's error.
  boolean mayPass() {
    return this == OVERLOADED
        || this == TOO_MANY_STREAMS
        || this == UNAVAILABLE
        || this == REQUEST_TIMEOUT;
  }

  static Fault of(LatheException.Kind kind) {
    return switch (kind) {
      case USER -> INVALID_VALUE;
      case NOT_FOUND -> NOT_FOUND;
      case CAPACITY -> NO_ROOM;
      case OVERLOADED -> OVERLOADED;
      case ENVIRONMENT, INTERNAL -> INTERNAL;
    };
  }
}
