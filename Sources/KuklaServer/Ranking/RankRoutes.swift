import HTTPTypes
import Hummingbird
import KuklaNumerics
import KuklaTables

/// `/rank`: probabilities of clicks for rows, by the models of clicks that the server has.
struct RankRoutes {
    let server: APIServer

    func add(to router: Router<RequestScope>) {
        router.get("rank") { _, context in
            try context.principal.require(.read)
            return list()
        }
        router.post("rank") { request, context in try await rank(request, context) }
    }

    private func list() -> Response {
        JSONWriter.response { object in
            object.member("models") { writer in
                writer.array(server.clickModels) { writer, model in writer.object { $0.describe(model) } }
            }
        }
    }

    private func rank(_ request: Request, _ context: RequestScope) async throws -> Response {
        try context.principal.require(.read)
        let body = try await request.collect(
            upTo: server.configuration.maximumBody, within: server.configuration.timeout)
        return try await server.reading.run {
            let asked = try RankBody(body)
            let model = try model(asked.model)
            let history = try Self.history(asked.history, of: model.predictor.model.schema)
            let found: [Float]
            do throws(KuklaError) {
                found = try model.predictor.probabilities(asked.rows, history: history)
            } catch {
                // Only the request can be wrong: the model was read when the server began.
                throw APIFailure(.invalidRequest, error.message, code: "invalid_row")
            }
            return JSONWriter.response { object in
                object.member("model", model.name)
                object.member("probabilities") { $0.numbers(found) }
            }
        }
    }

    /// The model of that name; the only one where the request names none.
    private func model(_ name: String?) throws(APIFailure) -> ServedClickModel {
        let names = server.clickModels.map(\.name)
        guard let name else {
            if server.clickModels.count == 1 { return server.clickModels[0] }
            throw APIFailure(
                .invalidRequest,
                "The request has no 'model', and there are several: \(names.joined(separator: ", ")).",
                code: "missing_parameter", parameter: "model")
        }
        guard let model = server.clickModels.first(where: { $0.name == name }) else {
            let near = EditDistance.likely(name, among: names).map { "; did you mean '\($0)'?" } ?? "."
            throw APIFailure(
                .notFound,
                "There is no click model '\(name.prefix(200))'. There are \(names.joined(separator: ", "))\(near)",
                code: "model_not_found", parameter: "model")
        }
        return model
    }

    private static func history(
        _ events: [RankBody.Event], of schema: DataSchema
    ) throws(APIFailure) -> [[String: ColumnValue]] {
        guard let items = schema.history?.items else {
            guard events.isEmpty else {
                throw APIFailure(
                    .invalidRequest, "The request has a history, and the model has none: leave it out.",
                    code: "invalid_row", parameter: "history")
            }
            return []
        }
        var history: [[String: ColumnValue]] = []
        for (place, event) in events.enumerated() {
            switch event {
            case .columns(let columns): history.append(columns)
            case .value(let value):
                guard items.count == 1 else {
                    throw APIFailure(
                        .invalidRequest,
                        "Event \(place) of the history is one value, expected an object of the columns \(items.joined(separator: ", ")).",
                        code: "invalid_row", parameter: "history")
                }
                history.append([items[0]: value])
            }
        }
        return history
    }
}

extension JSONWriter.Members {
    /// What a model wants to know of a row.
    fileprivate mutating func describe(_ model: ServedClickModel) {
        let folder = model.predictor.model
        member("name", model.name)
        member("network", folder.configuration.kind.rawValue)
        member("table", folder.scorer.table.configuration.description)
        member("table_bytes", folder.scorer.table.byteCount)
        member("label", folder.schema.label.column)
        member("categorical", folder.schema.categorical.map(\.column))
        member("numeric", folder.schema.numeric.map(\.column))
        member("lists", folder.schema.sequences.map(\.column))
        member("history", folder.schema.history?.items ?? [])
    }
}
