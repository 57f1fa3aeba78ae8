import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaStore

/// Writes one JSON value, straight into the bytes of a response.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []

    mutating func object(_ body: (inout Members) -> Void) {
        raw("{")
        var members = Members(writer: JSONWriter(bytes: bytes))
        bytes = []
        body(&members)
        bytes = members.writer.bytes
        raw("}")
    }

    /// An array of `values`, each written by `element`.
    mutating func array<Values: Sequence>(
        _ values: Values, _ element: (inout JSONWriter, Values.Element) -> Void
    ) {
        raw("[")
        var isFirst = true
        for value in values {
            if !isFirst { raw(",") }
            isFirst = false
            element(&self, value)
        }
        raw("]")
    }

    mutating func numbers(_ values: some Sequence<Float>) { array(values) { $0.value($1) } }
    mutating func numbers(_ values: some Sequence<Int>) { array(values) { $0.value($1) } }
    mutating func strings(_ values: some Sequence<String>) { array(values) { $0.value($1) } }

    mutating func value(_ text: String) {
        // Most texts need no escapes: their bytes are what is to be written.
        let isPlain = text.utf8.allSatisfy {
            $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        guard isPlain else { return raw(jsonQuoted(text)) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: text.utf8)
        bytes.append(UInt8(ascii: "\""))
    }
    mutating func value(_ number: Int) { raw(String(number)) }
    mutating func value(_ flag: Bool) { raw(flag ? "true" : "false") }
    mutating func value(_ json: JSONValue) { raw(json.description) }
    mutating func null() { raw("null") }

    /// The shortest number that reads as this one; null where it is not finite, as JSON has no word for that.
    mutating func value(_ number: Float) { raw(number.isFinite ? number.description : "null") }
    mutating func value(_ number: Double) { raw(number.isFinite ? number.description : "null") }

    /// JSON that is written already.
    mutating func raw(_ json: String) { bytes.append(contentsOf: json.utf8) }

    init() {}
    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// The members of an object, one after the other.
    struct Members {
        fileprivate var writer: JSONWriter
        private var isFirst = true

        fileprivate init(writer: JSONWriter) { self.writer = writer }

        mutating func member(_ key: String, _ body: (inout JSONWriter) -> Void) {
            if !isFirst { writer.raw(",") }
            isFirst = false
            writer.value(key)
            writer.raw(":")
            body(&writer)
        }

        mutating func member(_ key: String, _ text: String?) {
            member(key) { writer in if let text { writer.value(text) } else { writer.null() } }
        }
        mutating func member(_ key: String, _ number: Int?) {
            member(key) { writer in if let number { writer.value(number) } else { writer.null() } }
        }
        mutating func member(_ key: String, _ number: Double?) {
            member(key) { writer in if let number { writer.value(number) } else { writer.null() } }
        }
        mutating func member(_ key: String, _ number: Float?) {
            member(key) { writer in if let number { writer.value(number) } else { writer.null() } }
        }
        mutating func member(_ key: String, _ flag: Bool) { member(key) { $0.value(flag) } }
        mutating func member(_ key: String, _ json: JSONValue) { member(key) { $0.value(json) } }
        mutating func member(_ key: String, _ texts: [String]) { member(key) { $0.strings(texts) } }
    }
}

extension JSONWriter {
    /// One object as a response.
    static func response(
        status: HTTPResponse.Status = .ok, _ body: (inout Members) -> Void
    ) -> Response {
        var writer = JSONWriter()
        writer.object(body)
        return writer.response(status: status)
    }

    func response(status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
