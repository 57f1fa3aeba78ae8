import KuklaFormats
import KuklaNumerics
import KuklaStore
import NIOCore

/// What a request to search says.
struct SearchBody: Sendable {
    /// By what a text finds.
    enum Manner: String, CaseIterable {
        case words, vector, both
    }

    private(set) var vector: [Float]?
    private(set) var text: String?
    private(set) var manner: Manner?
    private(set) var count = 10
    private(set) var filter: Filter?
    private(set) var effort: Int?
    private(set) var candidates: Int?
    private(set) var recall: Double?
    private(set) var withVectors = false
    private(set) var withText = true
    private(set) var isExplained = false

    /// - Throws: `APIFailure.invalidRequest` that names the member at fault.
    init(_ body: ByteBuffer) throws(APIFailure) {
        var (manner, condition): (String?, JSONValue?)
        var wanted = Self()
        try RequestMembers.parse(body) { (key, scanner) throws(JSONFault) in
            switch key {
            case "vector": wanted.vector = try scanner.optional { (s) throws(JSONFault) in try s.vector() }
            case "text": wanted.text = try scanner.optional { (s) throws(JSONFault) in try s.string() }
            case "by": manner = try scanner.optional { (s) throws(JSONFault) in try s.string() }
            case "k": wanted.count = try scanner.integer()
            case "where": condition = try scanner.value()
            case "effort": wanted.effort = try scanner.optional { (s) throws(JSONFault) in try s.integer() }
            case "candidates":
                wanted.candidates = try scanner.optional { (s) throws(JSONFault) in try s.integer() }
            case "recall": wanted.recall = try scanner.optional { (s) throws(JSONFault) in try s.number() }
            case "explain": wanted.isExplained = try scanner.boolean()
            case "with_vectors": wanted.withVectors = try scanner.boolean()
            case "with_text": wanted.withText = try scanner.boolean()
            default: return false
            }
            return true
        }
        wanted.filter = try RequestMembers.filter(condition)
        if let manner {
            guard let known = Manner(rawValue: manner) else {
                throw Self.invalid(
                    "by", "'\(manner.prefix(80))' is not one of words, vector, both")
            }
            wanted.manner = known
        }
        try wanted.check()
        self = wanted
    }

    private init() {}

    /// What the store is to look for; the vector of a text is still to be made.
    var request: SearchRequest {
        var request = SearchRequest(
            vector: manner == .words ? nil : vector, text: manner == .vector ? nil : text, count: count,
            filter: filter)
        request.effort = effort
        request.candidates = candidates
        request.recall = recall
        request.withVectors = withVectors
        return request
    }

    /// Whether the text is to be embedded: where that is said, and where nothing is said and the server's model is the collection's. Where it is not,
    /// the reason is what keeps it from that.
    func isByVector(
        of collection: StoredCollection, _ server: APIServer, _ context: RequestScope
    ) -> (Bool, reason: String?) {
        guard text != nil, vector == nil, manner != .words else { return (false, nil) }
        guard manner == nil else { return (true, nil) }
        let reason = ItemTexts.obstacle(collection, server, context)
        return (reason == nil, reason)
    }

    private func check() throws(APIFailure) {
        guard vector != nil || text != nil else {
            throw APIFailure(
                .invalidRequest,
                "The request says nothing to search for: give a 'vector', a 'text', or both.",
                code: "missing_parameter", parameter: "vector")
        }
        guard manner != .words || text != nil else {
            throw Self.invalid("by", "a search by words needs a 'text'")
        }
        guard manner != .both || text != nil else {
            throw Self.invalid("by", "a search by both needs a 'text'")
        }
        guard (1...10_000).contains(count) else { throw Self.invalid("k", "\(count) is not 1 to 10000") }
        guard effort.map({ (1...100_000).contains($0) }) ?? true else {
            throw Self.invalid("effort", "it is 1 to 100000")
        }
        guard candidates.map({ $0 >= count && $0 <= 100_000 }) ?? true else {
            throw Self.invalid("candidates", "it is 'k', which is \(count), to 100000")
        }
        guard recall.map({ $0 > 0 && $0 <= 1 }) ?? true else {
            throw Self.invalid("recall", "it is above 0 and at most 1")
        }
        guard recall == nil || (effort == nil && candidates == nil) else {
            throw Self.invalid("recall", "it says itself how much effort and how many candidates it takes")
        }
    }

    private static func invalid(_ parameter: String, _ what: String) -> APIFailure {
        APIFailure(
            .invalidRequest, "The member '\(parameter)' is wrong: \(what).", code: "invalid_value",
            parameter: parameter)
    }
}
