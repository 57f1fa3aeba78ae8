import Foundation
import KuklaNumerics
import KuklaServer
import KuklaTables
import KuklaTestSupport

/// Two small click models: `films` has numbers, a list and columns of a joined file; `watched` weighs a history.
final class ClickModelFixture: Sendable {
    let folder: TemporaryFolder
    let films: ServedClickModel
    let watched: ServedClickModel

    init() throws {
        let folder = try TemporaryFolder()
        self.folder = folder
        var text = "click,user,film,age,seen\n"
        var random = RandomSource(seed: 4)
        for row in 0..<400 {
            let (user, film) = (Int.random(in: 0..<12, using: &random), Int.random(in: 0..<9, using: &random))
            text +=
                "\(user % 3 == film % 3 ? 1 : 0),u\(user),\(film),\(20 + user),\(film)|\((row + film) % 9)\n"
        }
        let users = "user,city\n" + (0..<12).map { "u\($0),c\($0 % 3)\n" }.joined()
        for (name, content) in [("rows.csv", text), ("users.csv", users)] {
            try Data(content.utf8).write(to: folder.url.appending(path: name))
        }
        func train(_ name: String, _ kind: CTRConfiguration.Kind, _ yaml: String) throws -> ServedClickModel {
            let set = try ExampleSet(
                [.init(folder.url.appending(path: "rows.csv"))], schema: DataSchema(yaml: yaml))
            let configuration = CTRConfiguration(kind, hidden: [8])
            let experiment = TableExperiment(
                set, network: configuration,
                options: TrainerOptions(learningRate: 0.05, batchSize: 64, epochs: 4))
            let trained = try experiment.train(
                TableConfiguration(parsing: "dense"), width: 4, budget: nil, seed: 1)
            let url = folder.url.appending(path: name)
            try ClickModelFolder.save(trained, network: configuration, set: set, to: url)
            return try ServedClickModel(folder: url)
        }
        films = try train(
            "films", .dlrm,
            """
            label: click
            categorical: [user, film, city]
            numeric: {age: standardize}
            sequence: {seen: {of: film}}
            join: [{file: \(folder.url.path)/users.csv, on: user}]
            """)
        watched = try train(
            "watched", .din,
            "label: click\ncategorical: [film]\nuser: user\nhistory: {items: [film], last: 5}\n")
    }

    /// What the library says of a row.
    func expected(
        _ name: String, _ row: [String: ColumnValue], history: [[String: ColumnValue]] = []
    ) throws -> Float {
        try TablePredictor(folder.url.appending(path: name)).probability(row, history: history)
    }
}
