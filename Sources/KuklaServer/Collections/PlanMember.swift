import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore

/// The member `plan` of a request: a factory string, or an object of `budget` and `fit_at`.
struct PlanMember {
    /// Items at which a plan may be fitted.
    private static let fittingItems = 20...1_000_000_000

    private var factory: String?
    private var (budget, items): (Double?, Int?)

    init(_ scanner: inout JSONScanner) throws(JSONFault) {
        guard scanner.peek() == UInt8(ascii: "{") else {
            factory = try scanner.string()
            return
        }
        var (bytes, items): (Double?, Int?)
        try scanner.object { (key, scanner) throws(JSONFault) in
            switch key {
            case "budget": bytes = try scanner.number()
            case "fit_at": items = try scanner.optional { (s) throws(JSONFault) in try s.integer() }
            default: throw scanner.fault("a plan is a text, or an object of 'budget' and 'fit_at'")
            }
        }
        (budget, self.items) = (bytes, items)
    }

    /// - Throws: `APIFailure.invalidRequest` where it means none.
    func plan() throws(APIFailure) -> CollectionSettings.Plan {
        if let factory {
            return .factory(
                try RequestMembers.blaming("plan", code: "invalid_plan") { () throws(KuklaError) in
                    try IndexConfiguration(parsing: factory)
                })
        }
        if let items, !Self.fittingItems.contains(items) {
            throw APIFailure(
                .invalidRequest,
                "A plan cannot be fitted at \(items) items: expected \(Self.fittingItems.lowerBound) to \(Self.fittingItems.upperBound).",
                code: "invalid_plan", parameter: "plan")
        }
        return .budget(
            bytesPerVector: try RequestMembers.need(budget, "plan.budget"), items: items ?? 1000)
    }
}

extension RequestMembers {
    /// The case that a word means.
    static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ text: String, _ parameter: String
    ) throws(APIFailure) -> Choice {
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIFailure(
                .invalidRequest, "Unknown \(parameter) '\(text.prefix(80))': expected one of \(known).",
                code: "invalid_value", parameter: parameter)
        }
        return choice
    }
}
