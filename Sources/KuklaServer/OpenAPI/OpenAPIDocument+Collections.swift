import HTTPTypes
import KuklaStore

/// `/collections`, `/snapshots` and `/aliases`.
extension OpenAPIDocument {
    private static let inPath = APIOperation.Parameter.path("name", name, "A collection, or an alias of one.")

    static let collections: [APIOperation] = [
        APIOperation(
            method: .get, path: "/collections", id: "listCollections", summary: "All collections",
            tag: "Collections", scope: .read,
            answer: .json(
                .object([
                    "collections": .array(of: .named("Collection")), "aliases": .dictionary(of: name),
                ]), "The collections that the key may see.")),
        APIOperation(
            method: .put, path: "/collections/{name}", id: "createCollection", summary: "Make a collection",
            tag: "Collections", scope: .admin, parameters: [inPath],
            body: .json(.named("NewCollection"), isRequired: false),
            answer: .json(.named("Collection"), "The new collection.", status: 201), failures: [409]),
        APIOperation(
            method: .get, path: "/collections/{name}", id: "getCollection",
            summary: "What a collection is, in figures", tag: "Collections", scope: .read,
            parameters: [inPath], answer: .json(.named("Collection"), "The collection."), failures: [404]),
        APIOperation(
            method: .delete, path: "/collections/{name}", id: "dropCollection",
            summary: "Drop a collection with all that it holds", tag: "Collections", scope: .admin,
            parameters: [inPath],
            answer: .json(.object(["deleted": .boolean]), "It is gone."), failures: [404, 409]),
    ]

    static let items: [APIOperation] = [
        APIOperation(
            method: .post, path: "/collections/{name}/items", id: "upsertItems",
            summary: "Write items, in place of those with the same ids: all or none", tag: "Collections",
            scope: .write, parameters: [inPath],
            body: .json(
                JSONSchema.object(["items": .array(of: .named("NewItem"))]).example(
                    .object([
                        "items": .array([
                            .object([
                                "id": .string("a"), "text": .string("The logo is blue."),
                                "metadata": .object(["lang": .string("en")]),
                            ])
                        ])
                    ]))),
            answer: .json(written, "The items are on the disk."), failures: [404]),
        APIOperation(
            method: .post, path: "/collections/{name}/import", id: "importItems",
            summary: "Write items, one a line, of a body of any length", tag: "Collections",
            scope: .write, parameters: [inPath],
            body: APIOperation.Body(
                type: "application/x-ndjson",
                schema: JSONSchema.string().described(
                    "JSON lines, each an item as in `NewItem`. A line that is wrong ends the import; what stands before it is kept."
                ), isRequired: false),
            answer: .json(
                .object(["lines": .count, "inserted": .count, "replaced": .count]),
                "All lines are on the disk."), failures: [404]),
        APIOperation(
            method: .post, path: "/collections/{name}/delete", id: "deleteItems",
            summary: "Delete items by their ids or by a filter", tag: "Collections", scope: .write,
            parameters: [inPath],
            body: .json(
                JSONSchema.any(
                    of: .object(["ids": .array(of: .any(of: .count, .string()))]), .object(["where": filter])
                ).example(.object(["ids": .array([.string("a"), .integer(7)])]))),
            answer: .json(.object(["deleted": .count]), "How many there were."), failures: [404]),
        APIOperation(
            method: .get, path: "/collections/{name}/items", id: "scanItems", summary: "A page of items",
            tag: "Collections", scope: .read,
            parameters: [
                inPath, .query("count", .integer(1...10_000), "Items of the page; 100 where left out."),
                .query("after", .string(atLeast: 1), "`next` of the page before."),
                .query("by", .choice(["operation", "id"]), "The order: of writing, or of ids."),
                .query("where", .string(atLeast: 2), "A filter, as JSON."),
                .query("vectors", .boolean, "Whether items come with their vectors."),
            ],
            answer: .json(
                .object([
                    "items": .array(of: .named("Item")),
                    "next": .any(of: .count, .string(), .null),
                ]), "The items, and what `after` of the next page is."), failures: [404]),
        APIOperation(
            method: .get, path: "/collections/{name}/items/{id}", id: "getItem", summary: "An item",
            tag: "Collections", scope: .read,
            parameters: [
                inPath,
                .path("id", .string(atLeast: 1, atMost: 1024), "The id; digits also mean the number."),
                .query("vectors", .boolean, "Whether it comes with its vector."),
            ],
            answer: .json(.named("Item"), "The item."), failures: [404]),
        APIOperation(
            method: .post, path: "/collections/{name}/count", id: "countItems", summary: "Count items",
            tag: "Collections", scope: .read, parameters: [inPath],
            body: .json(.object(["where": filter.orNull], required: []), isRequired: false),
            answer: .json(.object(["count": .count]), "How many there are."), failures: [404]),
    ]

    static let searches: [APIOperation] = [
        APIOperation(
            method: .post, path: "/collections/{name}/search", id: "searchItems", summary: "Find items",
            tag: "Search", scope: .read, parameters: [inPath], body: .json(.named("SearchRequest")),
            answer: .json(.named("SearchAnswer"), "What was found, best first."), failures: [404, 503]),
        APIOperation(
            method: .get, path: "/collections/{name}/map", id: "mapItems",
            summary: "A sample of the items in two dimensions", tag: "Search", scope: .read,
            parameters: [inPath, .query("count", .integer(1...10_000), "Items of the sample.")],
            answer: .json(
                .object([
                    "points": .array(
                        of: .object([
                            "id": id, "x": .number(), "y": .number(), "text": JSONSchema.string().orNull,
                        ])), "explained_variance": .array(of: .number(), atLeast: 2, atMost: 2),
                ]), "The points."), failures: [404]),
    ]

    static let upkeep: [APIOperation] = [
        APIOperation(
            method: .post, path: "/collections/{name}/index", id: "indexPath",
            summary: "Make filters on a path of metadata fast", tag: "Upkeep", scope: .write,
            parameters: [inPath],
            body: .json(
                JSONSchema.object(["path": .string(atLeast: 1)]).example(.object(["path": .string("lang")]))),
            answer: .json(.object(["indexed_paths": .array(of: .string())]), "All indexed paths."),
            failures: [404]),
        APIOperation(
            method: .post, path: "/collections/{name}/compact", id: "compactCollection",
            summary: "Fold fresh items into the index", tag: "Upkeep", scope: .write,
            parameters: [inPath],
            body: .json(.object(["rebuild": .boolean], required: []), isRequired: false),
            answer: .json(
                .object([
                    "count": .count, "configuration": JSONSchema.string().orNull, "rebuilt": .boolean,
                ]), "What the index is now."), failures: [404]),
        APIOperation(
            method: .get, path: "/collections/{name}/plan", id: "getPlan",
            summary: "What the index is made of, and why", tag: "Upkeep", scope: .read,
            parameters: [inPath], answer: .json(.named("Plan"), "The plan."), failures: [404]),
        APIOperation(
            method: .post, path: "/collections/{name}/reencode", id: "reencodeCollection",
            summary: "Embed all texts anew with the server's model, in the background", tag: "Upkeep",
            scope: .admin, parameters: [inPath],
            body: .json(.named("NewReencoding"), isRequired: false),
            answer: .json(.named("Reencoding"), "It goes on.", status: 202), failures: [404, 409]),
        APIOperation(
            method: .get, path: "/collections/{name}/reencode", id: "getReencoding",
            summary: "How far the re-encoding of a collection is", tag: "Upkeep", scope: .read,
            parameters: [inPath], answer: .json(.named("Reencoding"), "How far it is."), failures: [404]),
        APIOperation(
            method: .delete, path: "/collections/{name}/reencode", id: "giveUpReencoding",
            summary: "Stop a re-encoding and throw away what it did", tag: "Upkeep", scope: .admin,
            parameters: [inPath],
            answer: .json(.object(["deleted": .boolean]), "It is gone."), failures: [404]),
        APIOperation(
            method: .get, path: "/snapshots", id: "listSnapshots", summary: "All snapshots", tag: "Upkeep",
            scope: .admin, answer: .json(.object(["snapshots": .array(of: name)]), "Their names.")),
        APIOperation(
            method: .post, path: "/collections/{name}/snapshot", id: "makeSnapshot",
            summary: "Keep a copy of a collection as it is", tag: "Upkeep", scope: .admin,
            parameters: [inPath], body: .json(.object(["name": name])),
            answer: .json(.object(["snapshot": name]), "The copy.", status: 201), failures: [404, 409]),
        APIOperation(
            method: .post, path: "/collections/{name}/restore", id: "restoreSnapshot",
            summary: "Make a collection from a snapshot", tag: "Upkeep", scope: .admin,
            parameters: [inPath],
            body: .json(.object(["snapshot": name, "replace": .boolean], required: ["snapshot"])),
            answer: .json(.named("Collection"), "The collection.", status: 201), failures: [404, 409]),
        APIOperation(
            method: .put, path: "/aliases/{alias}", id: "setAlias",
            summary: "Let a name stand for a collection from now on", tag: "Upkeep", scope: .admin,
            parameters: [.path("alias", name, "The name.")],
            body: .json(.object(["collection": name])),
            answer: .json(.object(["alias": name, "collection": name]), "The alias."),
            failures: [404, 409]),
        APIOperation(
            method: .delete, path: "/aliases/{alias}", id: "removeAlias", summary: "Remove an alias",
            tag: "Upkeep", scope: .admin, parameters: [.path("alias", name, "The name.")],
            answer: .json(.object(["deleted": .boolean]), "It is gone."), failures: [404]),
    ]
}
