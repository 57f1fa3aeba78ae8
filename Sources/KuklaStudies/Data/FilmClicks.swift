import Foundation
import KuklaNumerics
import KuklaTables

extension StudyBench {
    /// Who liked which film, of MovieLens-1M: users and films with what users say of themselves.
    ///
    /// The collection has no ratings of it, only whether one was 4 or more: threes are dislikes here, where papers leave them out.
    func filmClicks() throws(KuklaError) -> ExampleSet {
        var schema = DataSchema(
            label: LabelRule(column: "liked"),
            categorical: ["user_id", "movie_id", "gender", "age", "occupation", "zip"].map { .init($0) })
        schema.joins = [
            .init(
                file: data("movielens-1m/users.dat").path, on: "user_id", separator: .text("::"),
                columns: ["user_id", "gender", "age", "occupation", "zip"])
        ]
        return try ExampleSet(
            [.init(data("movielens-1m/interactions.csv.gz"))], schema: schema,
            options: .init(maximumRows: choose(quick: 12_000, full: nil)))
    }
}

/// Test AUC of some trainings that differ in their seeds, in points (hundredths).
struct SeededAUC {
    let each: [Double]

    var mean: Double { each.reduce(0, +) / Double(each.count) }

    /// How far the seeds lie apart.
    var note: String {
        guard each.count > 1 else { return "one seed" }
        let text = [each.min() ?? .nan, each.max() ?? .nan].map {
            StudyTable.Cell.number($0, decimals: 2).description
        }
        return "seeds \(text[0]) to \(text[1])"
    }

    /// The standard deviation over the seeds; nil for one.
    var deviation: Double? {
        guard each.count > 1 else { return nil }
        return (each.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(each.count - 1)).squareRoot()
    }
}
