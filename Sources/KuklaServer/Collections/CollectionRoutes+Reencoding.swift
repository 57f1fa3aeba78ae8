import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaNumerics
import KuklaStore
import KuklaText

/// Bringing a collection over to the server's model.
extension CollectionRoutes {
    func addReencoding(to router: Router<RequestScope>) {
        router.post("collections/{name}/reencode") { request, context in try await reencode(request, context)
        }
        router.get("collections/{name}/reencode") { _, context in
            try await reading(context) { collection in try state(of: collection.name) }
        }
        router.delete("collections/{name}/reencode") { _, context in
            try await writing(context, .admin) { collection in
                guard try reencodings.giveUp(collection.name) else {
                    throw APIFailure(
                        .notFound,
                        "Nothing was begun of a re-encoding of the collection '\(collection.name)'.",
                        code: "no_reencoding", parameter: "name")
                }
                return JSONWriter.response { $0.member("deleted", true) }
            }
        }
    }

    private func reencode(_ request: Request, _ context: RequestScope) async throws -> Response {
        try context.principal.requireScope(.admin)
        let body = try await collect(request)
        var (dimensions, metric, plan): (Int?, String?, PlanMember?)
        var restarts = false
        try RequestMembers.parse(body) { (key, scanner) throws(JSONFault) in
            switch key {
            case "dimensions": dimensions = try scanner.optional { (s) throws(JSONFault) in try s.integer() }
            case "metric": metric = try scanner.optional { (s) throws(JSONFault) in try s.string() }
            case "plan": plan = try scanner.optional { (s) throws(JSONFault) in try PlanMember(&s) }
            case "restart": restarts = try scanner.boolean()
            default: return false
            }
            return true
        }
        guard let served = server.served else {
            throw APIFailure(
                .invalidRequest, "The texts cannot be embedded anew: this server has no model.",
                code: "no_model")
        }
        let size = try served.size(
            dimensions: dimensions, layers: nil,
            allowsUnmeasured: server.configuration.allowsUnmeasuredDimensions)
        var wanted = reencodings.request(served, size)
        wanted.metric = try metric.map { metric throws(APIFailure) in
            try RequestMembers.choice(metric, "metric")
        }
        wanted.plan = try plan?.plan()
        wanted.startsAnew = restarts
        let reencoding = wanted
        return try await writing(context, .admin) { collection in
            try reencodings.start(collection.name, reencoding)
            return try state(of: collection.name, status: .accepted)
        }
    }

    /// How far a re-encoding is.
    private func state(
        of name: CollectionName, status: HTTPResponse.Status = .ok
    ) throws -> Response {
        let job = reencodings.job(name)
        let begun = try job == nil ? store.unfinishedReencoding(of: name.description) : nil
        let figures = job?.progress.figures
        let (state, message): (String, String?) =
            switch job?.outcome {
            case .running: ("running", nil)
            case .finished(let report):
                ("finished", "\(report.count) items, now of \(report.dimensions) dimensions.")
            case .failed(let why): ("failed", why)
            case nil:
                begun == nil
                    ? ("none", nil)
                    : (
                        "unfinished",
                        "It was begun and is not done: serve the model that it is for, or give it up."
                    )
            }
        return JSONWriter.response(status: status) { object in
            object.member("state", state)
            object.member("model") { writer in
                guard let model = job?.model ?? begun?.model else { return writer.null() }
                writer.object { $0.describe(model) }
            }
            object.member("stage", figures?.stage)
            object.member("done", figures?.done)
            object.member("total", figures?.total)
            object.member("per_second", figures?.perSecond)
            object.member("seconds_left", figures?.secondsLeft)
            object.member("message", message)
        }
    }
}
