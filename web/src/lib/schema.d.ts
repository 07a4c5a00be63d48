// Made by scripts/types.js from /api/v1/openapi.json.
export interface paths {
    "/access/why": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Explain a decision
         * @description By the very function that decides. One may ask about oneself, about repositories that one manages, and administrators
         *     about everything.
         */
        get: {
            parameters: {
                query: {
                    /**
                     * @description `user:ann`, `robot:ci`, `workload:build` or `everyone`
                     * @example user:ann
                     */
                    subject: string;
                    /** @example push */
                    action: string;
                    /** @example team/app */
                    repository: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Why"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/advisories": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show what is known of vulnerabilities */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AdvisoryStatusView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/advisories/{source}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Import advisories
         * @description The body is an export in OSV format: a zip archive, or records one after another. It replaces all that the source had
         *     before; if anything is wrong with it, nothing changes.
         */
        put: {
            parameters: {
                query?: {
                    /** @description where it comes from, for people */
                    origin?: string;
                    /** @description leave records out that cannot be used */
                    skip_invalid?: boolean;
                };
                header?: never;
                path: {
                    /** @example debian */
                    source: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/octet-stream": string;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AdvisorySourceView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        /**
         * Have advisories fetched
         * @description By a job; if anything is wrong with what comes, nothing changes.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example debian */
                    source: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["AdvisoryFetch"];
                };
            };
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AdvisoryFetchJob"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        /** Remove the advisories of a source */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example debian */
                    source: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/backups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the backups that are there
         * @description Their place is asked, which may take a while.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Backups"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Take a backup
         * @description It is a job, or the one that waits to begin; backups that are too many go afterwards.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobView"];
                    };
                };
                /** @description there is no place for it */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/backups/standing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show how backups stand
         * @description By what Berth has written down: their place is not asked.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BackupStandingView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/backups/{id}/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Look a backup through
         * @description A job that rehearses a restore, and fails if not all of it could be restored; its log says what. Of an encrypted backup it
         *     compares names and sizes alone: this machine cannot read it. `latest` is the latest.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["BackupVerification"];
                };
            };
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/bindings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List rules
         * @description All of them, for administrators; with `pattern` those that have this very pattern, for whoever manages it.
         */
        get: {
            parameters: {
                query?: {
                    subject?: string;
                    pattern?: string;
                    n?: number;
                    last?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Bindings"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Make a rule
         * @description It is in force with the next request. The same rule again is the one that is there.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["BindingWish"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BindingView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/bindings/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a rule */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BindingView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Remove a rule
         * @description It is out of force with the next request.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/bundled-plugins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List plugins that come with Berth */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BundledList"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/directories": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List directories */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Directories"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Make a directory
         * @description From then on it is asked about users who are not known here; nobody tries whether it works.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewDirectory"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DirectoryView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/directories/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a directory */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DirectoryView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Remove a directory
         * @description The accounts that it vouched for stay, and nobody gets in with them.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Change a directory */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["DirectoryChange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DirectoryView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/directories/{name}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try a directory
         * @description Step by step, up to the first that fails: each server, then a search, then a user if one is named. Nothing is changed.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["TrialWish"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DirectoryTrial"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/doctor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Look at this Berth from all sides
         * @description At its disk, files, database, clock and buckets, and at its public URL as clients see it. It reads the whole database, which
         *     may take minutes.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Diagnosis"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what happened
         * @description The latest first, or with `after` the oldest. For administrators.
         */
        get: {
            parameters: {
                query?: {
                    repository?: string;
                    actor?: string;
                    /** @example request.refuse */
                    kind?: string;
                    /** @description RFC 3339 */
                    since?: string;
                    /** @description RFC 3339; not included */
                    until?: string;
                    n?: number;
                    /** @description events before this one */
                    before?: number;
                    /** @description events after this one, the oldest first */
                    after?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Events"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events/head": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the last event's place and link */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Head"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow events as they happen
         * @description Server-sent events, each a `CloudEvent` in JSON whose `id` is the cursor: begin again behind it with `since`, or with the
         *     header `Last-Event-ID`, and nothing is missed. Without either it begins with what happens next.
         */
        get: {
            parameters: {
                query?: {
                    /** @description events after this one; 0 for all */
                    since?: number;
                    repository?: string;
                    actor?: string;
                    kind?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/event-stream": string;
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Verify what happened
         * @description Goes through all events: finds rows that are missing, or not as they were written.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Verification"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Verified"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/federation/issuers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List issuers */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Issuers"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/federation/issuers/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an issuer */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IssuerView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        /**
         * Trust an issuer
         * @description Makes it, or changes the one of its name. Registry tokens that were issued for its tokens end with a change.
         */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["IssuerWish"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IssuerView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        post?: never;
        /**
         * Remove an issuer
         * @description The rules about it have to go first.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Refuse the tokens of an issuer, or no longer */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["TrustSwitch"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IssuerView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/federation/rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List federation rules */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["FederationRules"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/federation/rules/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a federation rule */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["FederationRuleView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        /**
         * Make a federation rule
         * @description Makes it, or changes the one of its name. What it accepts may do what rules of access say of `workload:NAME`.
         */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["FederationRuleWish"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["FederationRuleView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        post?: never;
        /**
         * Remove a federation rule
         * @description What its workload was allowed goes with it.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Make a federation rule accept nobody, or no longer */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["TrustSwitch"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["FederationRuleView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/federation/try": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try a token
         * @description Says which rules would accept it, or what is wrong with it. Nothing is issued for it.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Trial"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["FederationTrialView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/gc": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show what the latest collections did */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["UpkeepRuns"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/gc/run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin a collection
         * @description It is a job; if one of the kind waits already, that one is answered.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["GcWish"];
                };
            };
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List groups */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    last?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Groups"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /** Make a group */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewGroup"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["GroupView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/groups/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a group with its members */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WholeGroup"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Remove a group
         * @description With the rules about it.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Change a group */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["GroupChange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["GroupView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/groups/{name}/members/{member}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Put an account into a group */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                    member: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        post?: never;
        /**
         * Take an account out of a group
         * @description What a provider's claims say is left to the provider.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                    member: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/immutability": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the rules that make tags immutable
         * @description Those about repositories that the one who asks manages.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Rules"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Make tags immutable
         * @description Needs `manage` on every pattern of repositories. Tags of signatures and referrers (`sha256-…`, `.sig`, `.att`, `.sbom`)
         *     are never immutable.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ImmutabilityWish"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ImmutabilityView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/immutability/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a rule that makes tags immutable */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ImmutabilityView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /** Remove a rule that makes tags immutable */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List jobs
         * @description The latest first.
         */
        get: {
            parameters: {
                query?: {
                    kind?: string;
                    state?: string;
                    /** @description about this, such as `webhook/7` */
                    subject?: string;
                    n?: number;
                    before?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Jobs"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a job, and what it said */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WholeJob"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a job
         * @description At once if it waits; one that runs is told to end.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try a job again
         * @description One that failed or was cancelled, from its first attempt.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List signing keys */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Keys"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Sign with a new key from now on
         * @description Tokens under the one before stay good until they end.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["NewKey"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/locks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List locks
         * @description Those of one repository for whoever may pull from it, those of all for administrators.
         */
        get: {
            parameters: {
                query?: {
                    repository?: string;
                    n?: number;
                    last?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Locks"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Lock a repository, a tag or a digest
         * @description Needs `manage`. What is locked already gets the new lock instead.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["LockWish"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["LockView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/locks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a lock */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["LockView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Take a lock off
         * @description Needs `manage`.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Find a package in all repositories
         * @description In those that one may pull from.
         */
        get: {
            parameters: {
                query?: {
                    /** @description the package, such as `openssl` */
                    name?: string;
                    n?: number;
                    last?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PlacedPackages"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin-files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring a component as a file
         * @description It is compiled and kept, and not in force: what is answered is what to install it by.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["PluginFile"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["KeptFile"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin-inspections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Look what a plugin is and asks for, without installing it */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["PluginSource"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["InspectionView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List installed plugins */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PluginList"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Install a plugin
         * @description If it asks for anything, `granted` has to say what it may use: 409 tells what it asks for.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewPlugin"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PluginView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugins/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a plugin */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PluginView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Remove a plugin
         * @description With `keep-data=true` what it keeps stays, for when it comes back.
         */
        delete: {
            parameters: {
                query?: {
                    "keep-data"?: boolean;
                };
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Change a plugin: whether it is in force, its settings, secrets, grants and hooks */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ChangedPlugin"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PluginView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/plugins/{name}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the last lines of a plugin's log */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PluginLog"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugins/{name}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Go back to the release before the last upgrade */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PluginView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugins/{name}/upgrade": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Put another release of a plugin in place of the one that is there
         * @description What the release asks for beyond the one before has to be granted: 409 tells what that is.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["PluginUpgrade"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PluginView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/providers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List providers */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Providers"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/providers/public": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the providers that people may choose
         * @description For whoever asks: these are the buttons of the sign-in page.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Choices"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/providers/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a provider */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProviderView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        /**
         * Let people sign in by a provider
         * @description Makes it, or changes the one of its name.
         */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ProviderWish"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProviderView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        post?: never;
        /**
         * Remove a provider
         * @description Accounts that it vouched for stay with their tokens, but nobody can sign in to them.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /**
         * Let nobody sign in by a provider, or no longer
         * @description While it is disabled, sessions and tokens of those whom it vouches for rest.
         */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["TrustSwitch"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProviderView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/quarantine": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List images that are held back
         * @description In repositories that one may pull from, those that came first before others.
         */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    last?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["HeldImages"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quarantine/rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the rules that hold images back */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["QuarantineRules"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quarantine/rules/{rule}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Make or change a rule
         * @description It is about what is pushed from now on; what is held already stays so.
         */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    rule: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["QuarantineRuleWish"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["QuarantineRuleView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        post?: never;
        /**
         * Remove a rule
         * @description What is held already stays so.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    rule: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quotas": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List quotas and what is used of them */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    last?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Quotas"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        /**
         * Set what a namespace may hold
         * @description What is there already stays, also if it is more.
         */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["QuotaWish"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["QuotaView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        post?: never;
        /** Remove a quota */
        delete: {
            parameters: {
                query: {
                    namespace: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/replication/rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List replication rules */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ReplicationRules"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Make a replication rule
         * @description It is about what is pushed from now on; `POST /replication/run` brings what is there already.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewReplicationRule"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ReplicationRuleView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/replication/rules/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a replication rule */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ReplicationRuleView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Remove a replication rule
         * @description What was copied by it stays where it is.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Change a replication rule */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ReplicationRuleChange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ReplicationRuleView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/replication/run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring content to targets now
         * @description All that rules are about, one repository of it, or one tag or digest.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ReplicationRun"];
                };
            };
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ReplicationRunning"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/replication/states": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show what targets have */
        get: {
            parameters: {
                query?: {
                    target?: string;
                    repository?: string;
                    /** @description a tag or digest */
                    reference?: string;
                    /** @description only what a target does not have yet */
                    behind?: boolean;
                    n?: number;
                    after?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ReplicationStates"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/replication/targets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List replication targets */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ReplicationTargets"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Make a replication target
         * @description Nothing goes there before a rule says so. The password is sealed, and never shown.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewReplicationTarget"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ReplicationTargetView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/replication/targets/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a replication target */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ReplicationTargetView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Remove a replication target, with its rules
         * @description What was copied there stays there.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /**
         * Change a replication target
         * @description What waits for it is tried at once.
         */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ReplicationTargetChange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ReplicationTargetView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/replication/targets/{name}/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Look whether a replication target can be used */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["CheckedReplicationTarget"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List repositories
         * @description Those that the one who asks may pull from.
         */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    last?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Repositories"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a repository */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Repository"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Delete a repository
         * @description With all its tags, their history and its manifests. Rules about its name stay.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /**
         * Change who may pull from a repository, and what is said of it
         * @description Needs `manage`; to make it public it need not exist yet.
         */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RepositoryChange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Access"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/repositories/{name}/access": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What one may do to a repository
         * @description The same whether it exists or not.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Access"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/layers/{digest}/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the files of a layer
         * @description The archive is unpacked for it, which may take a while: up to a minute and 50,000 files.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    digest: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Files"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/layers/{digest}/text": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show text of a layer
         * @description With `path` of a file in its archive, up to 1 MiB of it; without, the blob itself if it has 4 MiB at most.
         */
        get: {
            parameters: {
                query?: {
                    path?: string;
                };
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    digest: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Text"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/manifests/{reference}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a manifest
         * @description By tag or digest, with its configuration and what is known of it here. What is held back is shown to those alone who manage
         *     the repository.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    reference: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ManifestView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/manifests/{reference}/referrers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what refers to a manifest
         * @description Signatures, SBOMs, attestations: whatever has it as its subject, 500 at most; and what signatures are worth by the keys that
         *     are trusted here.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    reference: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Referrers"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/quarantine/{digest}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let an image go
         * @description For those who manage the repository. It is served under its tags from now on, whatever scanners say.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    digest: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["QuarantineRelease"];
                };
            };
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/scans/{reference}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show what scanners say about an image
         * @description Of an index: about each of its images.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    /** @description a tag or a digest */
                    reference: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ScansView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Have an image scanned
         * @description By every scanner that covers the repository, also if they have looked at it before. Whoever may push may have it scanned.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    /** @description a tag or a digest */
                    reference: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ScansRequestedView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/scans/{reference}/findings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what was found in an image
         * @description The worst first.
         */
        get: {
            parameters: {
                query?: {
                    /** @description by this one; without it, the first that has a result */
                    scanner?: string;
                    /** @description of an index: which of its images */
                    image?: string;
                    /** @description at least so bad */
                    severity?: string;
                    n?: number;
                    last?: number;
                };
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    /** @description a tag or a digest */
                    reference: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ScanFindings"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/scans/{reference}/packages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the packages of an image */
        get: {
            parameters: {
                query?: {
                    /** @description by this one; without it, the first that has a result */
                    scanner?: string;
                    /** @description of an index: which of its images */
                    image?: string;
                    n?: number;
                    last?: number;
                };
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    /** @description a tag or a digest */
                    reference: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ScanPackages"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/statistics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show how a repository is used */
        get: {
            parameters: {
                query?: {
                    days?: number;
                };
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RepositoryStatistics"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/tags": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List tags */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    last?: string;
                };
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Tags"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/tags/{tag}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a tag */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    tag: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TagView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        /**
         * Point a tag at a manifest that the repository has
         * @description To roll back, to bring a deleted tag back, or to give another name: a push without anything to upload.
         */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    tag: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Target"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TagView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        post?: never;
        /**
         * Delete a tag
         * @description The manifest stays.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    tag: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/tags/{tag}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show where a tag pointed before
         * @description The latest step first; the history outlives the tag.
         */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    before?: number;
                };
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    tag: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["History"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/tags/{tag}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Point a tag where it pointed before
         * @description What it pointed at is brought back if it was deleted.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                    tag: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["WhereTo"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RestoredView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/timeline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show what happened to the tags of a repository
         * @description The latest step first.
         */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    before?: number;
                };
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Timeline"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/trash": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what can be brought back to a repository
         * @description For those who may push to it.
         */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    before?: string;
                };
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Trash"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /** Empty the trash of a repository */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Emptied"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repositories/{name}/undelete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring something back
         * @description A tag that was deleted, with its manifest if that was deleted, too; or a manifest, with the tags that went with it.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @example team%2Fapp */
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Undelete"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RestoredView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/retention/dry-run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show what retention would do
         * @description For each tag the rule that keeps or drops it, and what no tag leads to and is dropped; nothing is changed. Whole
         *     repositories, some on each page. Needs `manage` on the repository, or an administrator for all.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["DryRunWish"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DryRun"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/retention/policies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List retention policies
         * @description Those about repositories that the one who asks manages.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Policies"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/retention/policies/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a retention policy */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PolicyView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        /**
         * Make or change a retention policy
         * @description Needs `manage` on every pattern of it, and of the one that it replaces.
         */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["PolicyWish"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PolicyView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        post?: never;
        /** Remove a retention policy */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/retention/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the runs of retention */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    before?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RetentionRuns"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /** Run retention now */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Asked"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/robots": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List robots */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    last?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Robots"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /** Make a robot */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewRobot"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RobotView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/robots/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a robot */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RobotView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Remove a robot
         * @description With its tokens and the rules about it; what it pushed stays.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Change a robot */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RobotChange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RobotView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/roles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List roles
         * @description The built-in ones first.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Roles"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/roles/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Make a role, or change what it allows
         * @description Rules that name it allow from now on what it allows.
         */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RoleWish"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RoleView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        post?: never;
        /** Remove a role that no rule uses */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/schedules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what Berth does again and again
         * @description With when it was last due, what came of that, and when it is due next.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Schedules"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/scrub": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show what the latest scrubs did
         * @description `done` has `blobs` and `bytes` that were read, those that are `damaged` or `missing`, and those that are `whole_again`.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["UpkeepRuns"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/scrub/damaged": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List blobs whose bytes are missing or damaged */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    last?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DamagedBlobs"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/scrub/run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin a scrub
         * @description It is a job; if one waits already, that one is answered.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ScrubWish"];
                };
            };
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who is asking
         * @description With a session's cookie the answer holds the CSRF token that its changes have to repeat.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Identity"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Sign a browser in with a password
         * @description Sets the session's cookie.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SignIn"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Identity"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        /** Sign the browser out */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make the first administrator
         * @description By the link that `berth serve` prints on its first start; it is good once, for a day. The browser is signed in.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Setup"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Identity"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/setup/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask whether a set-up link is good */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Link"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["LinkState"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/statistics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show how the registry grows and is used */
        get: {
            parameters: {
                query?: {
                    days?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Statistics"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/system": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show what this Berth is */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["System"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/system/configuration": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show every setting that is in force
         * @description With where it comes from. Secrets are masked.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Settings"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/system/warnings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List what asks for attention */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Warnings"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List tokens
         * @description One's own, or with `owner` those of another account.
         */
        get: {
            parameters: {
                query?: {
                    /** @description whose; `*` for everybody's */
                    owner?: string;
                    n?: number;
                    last?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Tokens"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Make a token
         * @description Its secret is in the answer, and nowhere else ever again.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewToken"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["NewTokenView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a token */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TokenView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Revoke a token
         * @description At once, with whatever was issued for it.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tokens/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rotate a token
         * @description Gives it another secret; the old one stays good for a while, so that nothing stops in between.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Rotation"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["NewTokenView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/trash": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what can be brought back
         * @description Of all repositories, the latest first.
         */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    before?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Trash"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Empty the trash
         * @description What is in it cannot be brought back then.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Emptied"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List users */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    last?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Users"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /** Make a user */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewUser"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["UserView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a user */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["UserView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Remove a user
         * @description With their tokens and the rules about them; what they pushed stays.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Change a user */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["UserChange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["UserView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/users/{name}/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Change a password
         * @description One's own, with the one so far; anybody's for administrators. Ends what was issued for the old one but for tokens.
         */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["PasswordChange"];
                };
            };
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{name}/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List where a user is signed in */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Browsers"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Sign a user out everywhere
         * @description Ends browsers, refresh tokens and registry tokens; tokens for programs stay.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/vulnerabilities": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what was found in all repositories
         * @description In those that one may pull from, the worst first.
         */
        get: {
            parameters: {
                query?: {
                    /** @description in this package */
                    package?: string;
                    /** @description of this name, such as `CVE-2026-1234` */
                    id?: string;
                    /** @description at least so bad */
                    severity?: string;
                    /** @description with a version that mends it, or without */
                    fixed?: boolean;
                    repository?: string;
                    n?: number;
                    last?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Vulnerabilities"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List webhooks */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Webhooks"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Make a webhook
         * @description It is told of what happens from now on. Its secret is in the answer, and nowhere else ever again.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewWebhook"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MadeWebhook"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a webhook */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WebhookView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Remove a webhook
         * @description What it was not told yet, it will not be.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Change a webhook */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["WebhookChange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WebhookView"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/webhooks/{name}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List what a webhook was told, and what it answered */
        get: {
            parameters: {
                query?: {
                    n?: number;
                    before?: number;
                };
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Deliveries"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{name}/deliveries/{event}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tell a webhook of an event once more */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                    event: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Redelivery"];
                    };
                };
                /** @description what was wrong, as everywhere in this registry */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description What the one who asks may do to a repository. */
        Access: {
            /** @description `pull`, `push`, `delete`, `sign`, `manage`. */
            actions: string[];
            is_public: boolean;
        };
        /** @description How much is known. */
        AdvisoryEcosystemView: {
            /**
             * Format: int64
             * @description Pairs of an advisory and a package.
             */
            entries: number;
            name: string;
        };
        /** @description Where to fetch advisories from. */
        AdvisoryFetch: {
            /** @example https://osv-vulnerabilities.storage.googleapis.com/Debian/all.zip */
            url: string;
        };
        /** @description The job that does it. */
        AdvisoryFetchJob: {
            /**
             * Format: int64
             * @description Its number; nothing if one waits already.
             */
            job?: number | null;
        };
        /** @description Where advisories come from. */
        AdvisorySourceView: {
            /** Format: int64 */
            advisories: number;
            /**
             * Format: int64
             * @description Of all advisories when this came.
             */
            generation: number;
            imported_at: string;
            imported_by: string;
            name: string;
            /** @description The URL, or the file that somebody gave. */
            origin: string;
            /** Format: int64 */
            size_bytes: number;
            /**
             * Format: int64
             * @description Records that could not be used.
             */
            skipped: number;
        };
        /** @description What there is. */
        AdvisoryStatusView: {
            ecosystems: components["schemas"]["AdvisoryEcosystemView"][];
            /**
             * Format: int64
             * @description Rises whenever advisories change.
             */
            generation: number;
            sources: components["schemas"]["AdvisorySourceView"][];
        };
        /** @description One annotation. */
        Annotation: {
            name: string;
            value: string;
        };
        /** @description A run that was asked for. */
        Asked: {
            /**
             * Format: int64
             * @description The job that it is; nothing if another one waits already.
             */
            job?: number | null;
        };
        /** @description Something that failed. */
        BackupFailureView: {
            at: string;
            reason: string;
        };
        /** @description How backups stand. */
        BackupStandingView: {
            failure?: components["schemas"]["BackupFailureView"] | null;
            is_encrypted: boolean;
            job?: components["schemas"]["JobView"] | null;
            /**
             * Format: int32
             * @description How many are kept; 0: all.
             */
            keep: number;
            last?: components["schemas"]["LastBackupView"] | null;
            next_run_at?: string | null;
            /** @description Where backups go; `null`: nowhere, as `backup.directory` and `backup.backend` are not set. */
            place?: string | null;
            /** @description `backup.schedule`; `null`: only when somebody asks. */
            schedule?: string | null;
            snapshots?: components["schemas"]["SnapshotsView"] | null;
            /** @description When one was last looked through, and found good. */
            verified_at?: string | null;
            /** @description What somebody should look at, in words. */
            warning?: string | null;
        };
        /** @description How to look a backup through. */
        BackupVerification: {
            /**
             * @description Only whether every file is there, and as long as it was.
             * @default false
             */
            quick: boolean;
        };
        /** @description A backup. */
        BackupView: {
            /** @description The moment that it shows. */
            at?: string | null;
            /**
             * Format: int64
             * @description Bytes of all blobs in it.
             */
            blob_bytes?: number | null;
            /** Format: int64 */
            blobs?: number | null;
            /**
             * Format: int64
             * @description Blobs that the registry itself could not read.
             */
            damaged?: number | null;
            /** @description Why nothing else is known of it; `null` if it can be read. */
            error?: string | null;
            /** @description Whether the key file is in it. */
            has_key?: boolean | null;
            /**
             * @description Its name; those of later ones sort behind it.
             * @example 20261125T031500Z-1f0a2b
             */
            id: string;
            is_encrypted?: boolean | null;
            /** Format: int64 */
            manifests?: number | null;
            /** Format: int64 */
            repositories?: number | null;
            /**
             * Format: int64
             * @description Bytes that had to be sent for it.
             */
            sent_bytes?: number | null;
            /** Format: int64 */
            tags?: number | null;
        };
        /** @description Backups, the latest first. */
        Backups: {
            backups: components["schemas"]["BackupView"][];
        };
        /** @description A rule. */
        BindingView: {
            /** @description What it allows or denies. */
            actions: string[];
            created_at: string;
            created_by: string;
            /** @description `allow` or `deny`; a denial wins over whatever others allow. */
            effect: string;
            /** Format: int64 */
            id: number;
            note: string;
            /** @description On which repositories: `team/app`, `team/*`, `team/**`. */
            pattern: string;
            /** @description The role that it gives, if it names one. */
            role?: string | null;
            /** @description Whom it is about: `user:ann`, `robot:ci`, `group:devs`, `workload:build`, `authenticated` or `everyone`. */
            subject: string;
        };
        /** @description A rule to be made: with a role, or with actions. */
        BindingWish: {
            /** @description Instead of a role: `pull`, `push`, `delete`, `sign`, `manage`, or ACR's names for them. */
            actions?: string[] | null;
            /** @description `allow` if it is left out. */
            effect?: string | null;
            note?: string;
            /** @example team/** */
            pattern: string;
            /** @example writer */
            role?: string | null;
            /** @example group:devs */
            subject: string;
        };
        /** @description A page of rules. */
        Bindings: {
            bindings: components["schemas"]["BindingView"][];
            /**
             * Format: int64
             * @description The `last` of the next page.
             */
            next?: number | null;
        };
        /** @description A browser that is signed in. */
        Browser: {
            address: string;
            agent: string;
            created_at: string;
            expires_at: string;
            method: string;
            seen_at: string;
        };
        /** @description Browsers that are signed in. */
        Browsers: {
            sessions: components["schemas"]["Browser"][];
        };
        /** @description Plugins that come with Berth. */
        BundledList: {
            plugins: components["schemas"]["BundledView"][];
        };
        /** @description A plugin that comes with Berth. */
        BundledView: {
            is_installed: boolean;
            plugin: components["schemas"]["PluginManifestView"];
            /** @description What to give as `source`. */
            source: string;
        };
        /** @description What of a plugin is to be changed; what is left out stays. */
        ChangedPlugin: {
            /** @description All that it may use. */
            granted?: string[] | null;
            /** @description Hooks that are to be used in another way, each as a whole. */
            hooks?: {
                [key: string]: Record<string, never>;
            };
            is_enabled?: boolean | null;
            /** @description New values by the names of its secrets; `null` forgets one. */
            secrets?: {
                [key: string]: string | null;
            };
            /** @description All of its settings. */
            settings?: Record<string, never> | null;
        };
        /** @description What came of looking whether a target can be used. */
        CheckedReplicationTarget: {
            is_good: boolean;
            /** @description What was found. */
            said: string;
        };
        /** @description A provider that people may choose. */
        ChoiceView: {
            /** @description `entra`, `google`, `github`, `gitlab`, `keycloak` or `oidc`. */
            kind: string;
            name: string;
            /**
             * @description Where its button leads; `?return=/…` says where to go on.
             * @example /auth/acme/start
             */
            start: string;
            /** @description What stands on its button. */
            title: string;
        };
        /** @description The providers that people may choose. */
        Choices: {
            providers: components["schemas"]["ChoiceView"][];
        };
        /** @description What a rule asks of one claim: exactly one of `is`, `in`, `like` and `has`. */
        ConditionView: {
            /**
             * @description The claim; a dot leads into one that has parts.
             * @example repository_owner
             */
            claim: string;
            /** @description It is a list with this in it. */
            has?: string | null;
            /** @description It is one of these. */
            in?: string[] | null;
            /** @description It is this, letter for letter. */
            is?: string | null;
            /** @description It matches a pattern: `*` for what holds no `/` and no `:`, `**` for anything. */
            like?: string | null;
        };
        /** @description A blob whose bytes are missing or damaged. It is in no answer until it is pushed again. */
        DamagedBlobView: {
            /** @description The digest that the bytes have. */
            actual?: string | null;
            digest: string;
            found_at: string;
            /** @description `missing` or `damaged`. */
            reason: string;
            /** @description Repositories that have it, at most 20. */
            repositories: string[];
            /** Format: int64 */
            size_bytes: number;
        };
        /** @description A page of damaged blobs. */
        DamagedBlobs: {
            blobs: components["schemas"]["DamagedBlobView"][];
            /** @description The `last` of the next page. */
            next?: string | null;
        };
        /** @description What becomes of a tag, or of a manifest that no tag leads to. */
        DecisionView: {
            digest: string;
            is_dropped: boolean;
            repository: string;
            /** @description Which rule says so: `policy NAME keep 1`, `policy NAME drop 2`, `lock 3`, `immutability rule 4`, `nothing`. */
            rule: string;
            /** @description Nothing for a manifest without tags. */
            tag?: string | null;
            /** @description What that says. */
            words: string;
        };
        /** @description What a webhook was told, the latest first. */
        Deliveries: {
            deliveries: components["schemas"]["JobView"][];
            /**
             * Format: int64
             * @description The `before` of the next page.
             */
            next?: number | null;
        };
        /** @description All findings, in the order in which somebody would mend them. */
        Diagnosis: {
            findings: components["schemas"]["DoctorFindingView"][];
            problems: number;
            warnings: number;
        };
        /** @description Directories in the order in which they are asked about unknown names. */
        Directories: {
            directories: components["schemas"]["DirectoryView"][];
        };
        /** @description What of a directory is to be changed; what is left out stays. */
        DirectoryChange: {
            /** @description PEM of the authorities that its certificates are signed by; empty: those that the machine trusts. */
            authorities?: string | null;
            /** @description Who searches; empty: nobody in particular. */
            bind_dn?: string | null;
            /**
             * Format: password
             * @description The password that goes with it; empty: none.
             */
            bind_password?: string | null;
            /** @description The attribute that holds an address. */
            email_attribute?: string | null;
            /** @description The attribute that holds the name as people write it. */
            full_name_attribute?: string | null;
            /** @description Groups that do not lie below it do not count. Empty: anywhere, or below `user_base` where they are searched for. */
            group_base?: string | null;
            /** @description Which groups a user is in; `{dn}` and `{user}` stand for their entry and their account's name. */
            group_filter?: string | null;
            /** @description The attribute that holds a group's name. */
            group_name_attribute?: string | null;
            /**
             * @description How groups are found: `none`; `member-of`, as the user's entry lists them; `search`, by `group_filter`; `nested`, as
             *     Active Directory finds groups within groups.
             */
            groups?: string | null;
            /** @description The attribute that names an entry for ever, also after it is renamed; empty: its DN does. */
            id_attribute?: string | null;
            /** @description Shutting a directory ends the logins that it vouched for. */
            is_enabled?: boolean | null;
            /** @description What some of its groups are called here. */
            mapping?: components["schemas"]["MappingView"][] | null;
            /** @description The attribute that holds an account's name. */
            name_attribute?: string | null;
            /** @description Whether other groups do not count. */
            only_mapped?: boolean | null;
            /** @description How long its answers are believed, such as `5m`; `0s`: it is asked each time. */
            remember?: string | null;
            /**
             * @description Whether `ldap://` is turned into TLS before anything is said; without it passwords can be read by whoever hears
             *     them.
             */
            starttls?: boolean | null;
            /** @description How long an answer may take, such as `5s`. */
            timeout?: string | null;
            /** @description Its servers, tried in this order: `ldaps://host` or `ldap://host:port`. */
            urls?: string[] | null;
            /** @description Below which entry users are looked for. */
            user_base?: string | null;
            /** @description Which entry a user is (RFC 4515); `{user}` stands for the name that they log in with. */
            user_filter?: string | null;
        };
        /** @description What came of trying a directory. */
        DirectoryTrial: {
            /** @description Whether everything worked. */
            is_good: boolean;
            steps: components["schemas"]["StepView"][];
        };
        /** @description A directory. The password of the one who searches is never shown. */
        DirectoryView: {
            /**
             * Format: int64
             * @description How many accounts it vouches for; only where one directory is shown.
             */
            account_count?: number | null;
            /** @description PEM of the authorities that its certificates are signed by; empty: those that the machine trusts. */
            authorities: string;
            /** @description Who searches; empty: nobody in particular. */
            bind_dn: string;
            created_at: string;
            email_attribute: string;
            full_name_attribute: string;
            group_base: string;
            group_filter: string;
            group_name_attribute: string;
            /** @description `none`, `member-of`, `search` or `nested`. */
            groups: string;
            has_bind_password: boolean;
            id_attribute: string;
            is_enabled: boolean;
            mapping: components["schemas"]["MappingView"][];
            name: string;
            name_attribute: string;
            only_mapped: boolean;
            /** @description How long its answers are believed. */
            remember: string;
            /** @description Whether `ldap://` is turned into TLS before anything is said. */
            starttls: boolean;
            timeout: string;
            updated_at: string;
            /** @description Its servers, tried in this order. */
            urls: string[];
            user_base: string;
            user_filter: string;
        };
        /** @description Something that was looked at. */
        DoctorFindingView: {
            /** @description `disk`, `files`, `database`, `blobs`, `clock`, `bucket`, `backup`, `dns`, `tls` or `proxy`. */
            check: string;
            /** @description What to do. */
            mend?: string | null;
            /** @description `good`, `note`, `warning` (it works, and will not for ever or not for everybody) or `problem` (it does not work). */
            severity: string;
            /** @description What was found. */
            what: string;
        };
        /** @description What would become of everything in some repositories. */
        DryRun: {
            decisions: components["schemas"]["DecisionView"][];
            /** @description The `last` of the next page. */
            next?: string | null;
        };
        /** @description What would happen. */
        DryRunWish: {
            /** @description In those behind this one. */
            last?: string;
            policy?: components["schemas"]["PolicyWish"] | null;
            /** @description Only in this repository. */
            repository?: string | null;
        };
        /** @description What was done to the trash. */
        Emptied: {
            /**
             * Format: int64
             * @description Entries that cannot be brought back any more. Their bytes go with later collections.
             */
            entries: number;
        };
        /** @description What every refusal and every failure is answered with. */
        ErrorBody: {
            errors: components["schemas"]["ErrorEntry"][];
        };
        /** @description One thing that was wrong. */
        ErrorEntry: {
            /**
             * @description For programs.
             * @example NOT_FOUND
             */
            code: string;
            /** @description For people: what happened, and what to do. */
            message: string;
        };
        /** @description Something that happened. */
        EventView: {
            actor: string;
            /** @description The client's address. */
            address?: string | null;
            at: string;
            /** @description More of it; what is in here depends on the kind. */
            detail?: Record<string, never> | null;
            /**
             * Format: int64
             * @description Its place in the order; there is no gap.
             */
            id: number;
            /** @description `tag.push`, `request.refuse`, and so on. */
            kind: string;
            repository?: string | null;
            /** @description The request's id. */
            request?: string | null;
            /** @description What allowed or refused it. */
            rule?: string | null;
            /** @description What it was done to: a tag, a digest, a user. */
            target?: string | null;
        };
        /** @description A page of events, the latest first. */
        Events: {
            events: components["schemas"]["EventView"][];
            /**
             * Format: int64
             * @description The `before` of the next page, or its `after` where that was asked for.
             */
            next?: number | null;
        };
        /** @description Something that is wrong with the trail. */
        FaultView: {
            /** Format: int64 */
            id: number;
            /** @description `missing`, `changed`, or `unknown_key`. */
            what: string;
        };
        /** @description A federation rule. */
        FederationRuleView: {
            /** @description The account that it makes of whoever it accepts, such as `robot:ci`; nothing for a workload of its own. */
            acts_as?: string | null;
            /** @description Instead of the issuer's; nothing for those. */
            audiences: string[];
            /** @description All of them have to hold. */
            conditions: components["schemas"]["ConditionView"][];
            created_at: string;
            created_by: string;
            description: string;
            is_disabled: boolean;
            /** @description The issuer whose tokens it is about; `certificate` for client certificates. */
            issuer: string;
            name: string;
            /** @description Whom rules of access name for those it accepts. */
            subject: string;
        };
        /** @description A federation rule to be made. */
        FederationRuleWish: {
            /** @description The account that it makes of whoever it accepts, such as `robot:ci`; nothing for a workload of its own. */
            acts_as?: string | null;
            /** @description Instead of the issuer's; nothing for those. */
            audiences?: string[];
            /** @description All of them have to hold. */
            conditions: components["schemas"]["ConditionView"][];
            description?: string;
            is_disabled?: boolean;
            /** @description The issuer whose tokens it is about; `certificate` for client certificates. */
            issuer: string;
        };
        /** @description All federation rules. */
        FederationRules: {
            rules: components["schemas"]["FederationRuleView"][];
        };
        /** @description What would become of a token. */
        FederationTrialView: {
            /** @description Who it would be; or why it is nobody. */
            becomes: string;
            /** @description What it says. */
            claims: Record<string, never>;
            expires_at?: string | null;
            /** @description What is wrong with the token itself; its claims are not to be believed then. */
            flaw?: string | null;
            /** @description Whether it would be let in. */
            is_accepted: boolean;
            /** @description The issuer that it names, as it is called here. */
            issuer?: string | null;
            /** @description What each rule about its issuer says. */
            rules: components["schemas"]["TriedRuleView"][];
            /** @description Whom rules of access may be about when it comes. */
            subjects: string[];
        };
        /** @description A file of a layer. */
        FileView: {
            /** Format: int32 */
            gid: number;
            /** @description `file`, `directory`, `symlink`, `hardlink`, `device` or `other`. */
            kind: string;
            /** Format: int32 */
            mode: number;
            path: string;
            /** Format: int64 */
            size_bytes: number;
            /** @description Where a link leads. */
            target?: string | null;
            /** Format: int32 */
            uid: number;
        };
        /** @description The files of a layer. */
        Files: {
            files: components["schemas"]["FileView"][];
        };
        /** @description Something that was found. */
        FindingView: {
            /** @description Other names of it. */
            aliases: string[];
            /** @description Whether an advisory says so, and not the scanner itself. */
            by_advisory: boolean;
            /** @description The first version without it. */
            fixed_version?: string | null;
            /** @description `CVE-2026-1234`, or the scanner's own rule. */
            id: string;
            links: string[];
            package?: string | null;
            /** @description The file that it is about. */
            path?: string | null;
            /** @description `unknown`, `negligible`, `low`, `medium`, `high` or `critical`. */
            severity: string;
            title: string;
            version?: string | null;
        };
        /** @description A package that was found. */
        FoundPackageView: {
            /** @description Whose package it is: `deb`, `npm`, ... */
            kind: string;
            licenses: string[];
            locations: string[];
            name: string;
            purl?: string | null;
            version: string;
        };
        /** @description What is wanted of a collection. */
        GcWish: {
            /** @description Only say what would go. */
            dry_run?: boolean;
            /** @description Look for objects that no row knows, instead; with `dry_run` they are only listed, in the log of the job. */
            orphans?: boolean;
        };
        /** @description What of a group is to be changed. */
        GroupChange: {
            description: string;
        };
        /** @description A group. */
        GroupView: {
            created_at: string;
            description: string;
            /** Format: int64 */
            member_count: number;
            name: string;
            /** @description The sign-in provider whose claims made it; nobody for those that were made here. */
            provider?: string | null;
        };
        /** @description A page of groups. */
        Groups: {
            groups: components["schemas"]["GroupView"][];
            /** @description The `last` of the next page. */
            next?: string | null;
        };
        /** @description How much there was at the end of a day, or is now. */
        Growth: {
            at: string;
            /** Format: int64 */
            blob_bytes: number;
            /**
             * Format: int64
             * @description Blobs, each counted once.
             */
            blobs: number;
            /** Format: int64 */
            manifests: number;
            /** Format: int64 */
            repositories: number;
            /** Format: int64 */
            tags: number;
        };
        /** @description The last event, and what holds all before it: note it somewhere else to be sure of them later. */
        Head: {
            /** Format: int64 */
            id: number;
            /** @description In hexadecimal digits. */
            link: string;
        };
        /** @description An image that is held back. */
        HeldImageView: {
            digest: string;
            held_at: string;
            /** @description Why, for people. */
            reason: string;
            repository: string;
            /** @description The rule that holds it, or `plugin:NAME`. */
            rule: string;
            /** @description Tags that point at it. */
            tags: string[];
        };
        /** @description A page of images that are held, those that came first before others. */
        HeldImages: {
            images: components["schemas"]["HeldImageView"][];
            /** @description The `last` of the next page. */
            next?: string | null;
        };
        /** @description A page of a tag's history, the latest step first. */
        History: {
            events: components["schemas"]["TagStep"][];
            /**
             * Format: int64
             * @description The `before` of the next page.
             */
            next?: number | null;
        };
        /** @description A hook of an installed plugin. */
        HookView: {
            /**
             * Format: int64
             * @description Calls that have ended, since Berth was started.
             */
            calls: number;
            /** @description For event sinks: kinds of events; nothing for all. */
            events: string[];
            /** @description `open` or `closed`: what happens while it has no answer. */
            fail: string;
            /**
             * Format: int64
             * @description Those of them without an answer.
             */
            failures: number;
            hook: string;
            /** @description Other limits than its manifest asks for. */
            limits: Record<string, never>;
            /** Format: int64 */
            longest_microseconds: number;
            /** Format: int64 */
            mean_microseconds: number;
            /** @description `enforce`, `warn` or `dry-run`. */
            mode: string;
            /** @description For admission: `push`, `tag`, `pull`, `delete`, `replicate`. */
            operations: string[];
            /**
             * Format: int32
             * @description Those with lower numbers are asked first.
             */
            order: number;
            /** @description Patterns of repositories; nothing for all. */
            repositories: string[];
            /** @description Until when it is left alone because it keeps failing. */
            resting_until?: string | null;
        };
        /** @description Who is asking. */
        Identity: {
            /** @description Their address. */
            email?: string | null;
            /** @description Their name as people write it. */
            full_name?: string | null;
            /** @description Whether they administer the registry. */
            is_administrator: boolean;
            /** @description Whether anybody is logged in. */
            is_authenticated: boolean;
            /** @description The name in the audit trail; `anonymous` for nobody. */
            name: string;
            /** @description Who vouches for them; nobody for those with a password here. */
            provider?: string | null;
            session?: components["schemas"]["SessionView"] | null;
            /** @description Whom rules may be about when they ask: `user:ann`, `group:devs`, `everyone`. */
            subjects: string[];
        };
        /** @description A rule that makes tags immutable: they may be pushed again with the same digest alone, and not be deleted. */
        ImmutabilityView: {
            created_at: string;
            created_by: string;
            except_repositories: string[];
            except_tags: string[];
            /** Format: int64 */
            id: number;
            /** @description Patterns of repositories. */
            repositories: string[];
            /** @description Patterns of tags. */
            tags: string[];
            why: string;
        };
        /** @description A rule to be made. */
        ImmutabilityWish: {
            except_repositories?: string[];
            /** @description `*-dev`. */
            except_tags?: string[];
            /** @description `team/app`, `team/*`, `team/**`. */
            repositories: string[];
            /** @description `v*`; every tag if this is left out. */
            tags?: string[] | null;
            why?: string;
        };
        /** @description What a plugin is and asks for, before it is installed. */
        InspectionView: {
            artifact?: string | null;
            /** @description What of `asks` nobody has granted yet. */
            beyond: string[];
            component: string;
            /** @description What to give as `digest` when it is installed, so that it is this and nothing else. */
            digest: string;
            /** @description The version that is installed, if one is. */
            installed_version?: string | null;
            origin: string;
            plugin: components["schemas"]["PluginManifestView"];
            signed_by?: string | null;
        };
        /** @description Somebody whose tokens are looked at. */
        IssuerView: {
            /** @description The algorithms that are taken; nothing for all that its keys allow. */
            algorithms: string[];
            /** @description One of them has to be in a token's `aud`. */
            audiences: string[];
            /** @description PEM: certificate authorities that are trusted beside the system's. */
            authorities: string;
            created_at: string;
            created_by: string;
            is_disabled: boolean;
            /** @description Where its keys are; nothing if they are found by discovery, or given here. */
            jwks_uri?: string | null;
            /** @description Its keys, where they are given here and not fetched. */
            keys?: Record<string, never> | null;
            name: string;
            /** @description What stands in the claim `iss`, letter for letter. */
            url: string;
        };
        /** @description An issuer to be trusted. */
        IssuerWish: {
            /** @description The algorithms that are taken, such as `RS256`; all that its keys allow if it is left out. */
            algorithms?: string[];
            /** @description One of them has to be in a token's `aud`; the registry's own address if it is left out, `berth` if that is not set. */
            audiences?: string[] | null;
            /** @description PEM: certificate authorities that are trusted beside the system's. */
            authorities?: string;
            is_disabled?: boolean;
            /** @description Where its keys are; they are found by discovery if it is left out. */
            jwks_uri?: string | null;
            /** @description Its keys, a JSON Web Key Set; nothing is fetched then. */
            keys?: Record<string, never> | null;
            /**
             * @description What stands in the claim `iss`, letter for letter.
             * @example https://token.actions.githubusercontent.com
             */
            url: string;
        };
        /** @description All issuers. */
        Issuers: {
            issuers: components["schemas"]["IssuerView"][];
        };
        /** @description A piece of work. */
        JobView: {
            /** Format: int32 */
            attempts: number;
            created_at: string;
            created_by: string;
            /**
             * Format: int64
             * @description The event that it follows from.
             */
            event_id?: number | null;
            finished_at?: string | null;
            /** Format: int64 */
            id: number;
            kind: string;
            /** @description Jobs of one lane run one after another; empty for those beside all others. */
            lane: string;
            /** Format: int32 */
            most_attempts: number;
            /** @description What to do; what is in here depends on the kind. */
            payload: Record<string, never>;
            /** @description How far it has come; what is in here depends on the kind. */
            progress?: Record<string, never> | null;
            /** @description Why the last attempt failed, or what came of it. */
            reason?: string | null;
            /** @description Not before. */
            run_at: string;
            started_at?: string | null;
            /** @description `blocked` behind another of its lane, `waiting`, `running`, `done`, `failed`, or `cancelled`. */
            state: string;
            /** @description What it is about, such as `webhook/7`; may be empty. */
            subject: string;
            /** @description Whether it was told to end. */
            wants_cancel: boolean;
        };
        /** @description A page of jobs, the latest first. */
        Jobs: {
            jobs: components["schemas"]["JobView"][];
            /**
             * Format: int64
             * @description The `before` of the next page.
             */
            next?: number | null;
        };
        /** @description A component that was kept. */
        KeptFile: {
            /** @description What to give as `source`. */
            source: string;
        };
        /** @description A key; its private part is shown to nobody. */
        KeyView: {
            created_at: string;
            id: string;
            /** @description When another took its place; it verifies what it signed until that is over. */
            retired_at?: string | null;
        };
        /** @description All keys that sign or still verify. */
        Keys: {
            keys: components["schemas"]["KeyView"][];
        };
        /** @description The last backup that was taken. */
        LastBackupView: {
            /** @description When it was complete. */
            at: string;
            /** Format: int64 */
            blob_bytes: number;
            /** Format: int64 */
            blobs: number;
            /**
             * Format: int64
             * @description Blobs that the registry itself could not read.
             */
            damaged: number;
            id: string;
            /** Format: int64 */
            sent_bytes: number;
        };
        /** @description Some actions on some repositories. */
        LimitView: {
            /**
             * @description `pull`, `push`, `delete`, `sign`, `manage`, or ACR's names for them.
             * @example [
             *       "pull"
             *     ]
             */
            actions: string[];
            /**
             * @description Repositories: `team/app`, `team/*`, `team/**`.
             * @example team/**
             */
            pattern: string;
        };
        /** @description A line of what a job said. */
        Line: {
            at: string;
            message: string;
        };
        /** @description What a set-up link holds. */
        Link: {
            token: string;
        };
        /** @description Whether a link is good. */
        LinkState: {
            is_good: boolean;
        };
        /** @description A lock. */
        LockView: {
            created_at: string;
            created_by: string;
            /** Format: int64 */
            id: number;
            /** @description Whether it has ended. */
            is_over: boolean;
            no_delete: boolean;
            /** @description It cannot be pulled. */
            no_read: boolean;
            /** @description It cannot be changed: tags stay where they are, a repository takes no push. It cannot be deleted either. */
            no_write: boolean;
            /** @description A tag or a digest; nothing for the repository as a whole. */
            reference?: string | null;
            repository: string;
            /** @description When it ends by itself. */
            until?: string | null;
            why: string;
        };
        /** @description A lock to be made. */
        LockWish: {
            /** @description Whether it must not be deleted. */
            no_delete?: boolean;
            /** @description Whether it must not be pulled. */
            no_read?: boolean;
            /** @description Whether it must not be changed. Without any of the three it must neither be changed nor deleted. */
            no_write?: boolean;
            /**
             * @description A tag or a digest; nothing for the repository as a whole.
             * @example v1.0
             */
            reference?: string | null;
            /** @example team/app */
            repository: string;
            /** @description When it ends by itself: RFC 3339. */
            until?: string | null;
            /** @description Whoever is stopped by it reads this. */
            why: string;
        };
        /** @description A page of locks. */
        Locks: {
            locks: components["schemas"]["LockView"][];
            /**
             * Format: int64
             * @description The `last` of the next page.
             */
            next?: number | null;
        };
        /** @description A webhook with its secret. */
        MadeWebhook: {
            /** @description What deliveries are signed with (Standard Webhooks); shown only now. */
            secret: string;
            webhook: components["schemas"]["WebhookView"];
        };
        /** @description A manifest of a repository. */
        ManifestView: {
            artifact_type?: string | null;
            /** @description The manifest, as it was pushed. */
            body: string;
            /** @description Its configuration as it was pushed, if that is JSON of up to 1 MiB. */
            config?: string | null;
            digest: string;
            /** @description Why it is held back, if it is. */
            held?: string | null;
            media_type: string;
            /** @description An index of the repository that lists it. */
            parent?: string | null;
            pushed_at: string;
            pushed_by: string;
            /**
             * Format: int64
             * @description How many referrers it has; 500 at most.
             */
            referrers: number;
            /**
             * Format: int64
             * @description Of the manifest itself.
             */
            size_bytes: number;
            /** @description What it is a referrer of. */
            subject?: string | null;
            /** @description The tags that point at it. */
            tags: string[];
            /**
             * Format: int64
             * @description Of the manifest and all that it describes.
             */
            total_bytes: number;
        };
        /** @description What a group of a directory is called here. */
        MappingView: {
            /**
             * @description Its DN, or its name alone.
             * @example cn=devs,ou=groups,dc=example,dc=org
             */
            from: string;
            /**
             * @description The group here.
             * @example devs
             */
            to: string;
        };
        /** @description Somebody in a group. */
        MemberView: {
            name: string;
            /** @description `local`, or the provider whose claims put them there. */
            source: string;
        };
        /** @description A directory to be made. What is left out has the default of its kind. */
        NewDirectory: components["schemas"]["DirectoryChange"] & {
            /** @description `ldap` or `active-directory`; decides the defaults. `ldap` if it is left out. */
            kind?: string | null;
            /** @description What it is called; its groups are `NAME/GROUP`. */
            name: string;
        };
        /** @description A group to be made. */
        NewGroup: {
            description?: string;
            name: string;
        };
        /** @description The key that signs from now on. */
        NewKey: {
            id: string;
        };
        /** @description A plugin to be installed. */
        NewPlugin: {
            /** @description The `digest` that the inspection gave, so that what is installed is what was looked at. */
            digest?: string | null;
            /** @description What it may use, of what it asks for; has to be there if it asks for anything. */
            granted?: string[] | null;
            /** @description By the name of the hook: `fail`, `mode`, `order`, `repositories`, `limits`. */
            hooks?: {
                [key: string]: Record<string, never>;
            };
            /** @description It is in force, if this is left out. */
            is_enabled?: boolean | null;
            key?: string | null;
            password?: string | null;
            /** @description Values by the names of its secrets. */
            secrets?: {
                [key: string]: string;
            };
            settings?: Record<string, never>;
            /**
             * @description As of `POST /plugin-inspections`.
             * @example bundled:freeze
             */
            source: string;
            username?: string | null;
        };
        /** @description A rule to be made. */
        NewReplicationRule: {
            deletions?: boolean;
            is_enabled?: boolean | null;
            labels?: string[];
            name: string;
            on_push?: boolean | null;
            platforms?: string[];
            repositories?: string[];
            schedule?: string | null;
            tags?: string[];
            target: string;
            versions?: string | null;
        };
        /** @description A target to be made: with `url` or `plugin`. */
        NewReplicationTarget: {
            authorities?: string | null;
            /** Format: int64 */
            bytes_per_second?: number | null;
            /** Format: int64 */
            chunk_bytes?: number | null;
            is_paused?: boolean;
            name: string;
            naming?: string | null;
            /** Format: int32 */
            parallel?: number | null;
            password?: string | null;
            /** @description The name of an installed plugin. */
            plugin?: string | null;
            /** @description The address of another registry: `https://HOST`, or `http://HOST` without TLS. */
            url?: string | null;
            username?: string | null;
        };
        /** @description A robot to be made. What it may do is said by rules about `robot:NAME`, and it gets in by tokens. */
        NewRobot: {
            description?: string;
            name: string;
        };
        /** @description A token to be made. */
        NewToken: {
            /** @description Networks that it may be used from, such as `10.0.0.0/8`; an address stands for itself. */
            addresses?: string[];
            /** @description How long it is good, such as `90d`; for ever if it is left out. */
            expires_in?: string | null;
            /** @description What it is limited to; nothing for no limit but what its owner may do. */
            limits?: components["schemas"]["LimitView"][];
            /** @description What it is for. */
            name: string;
            /** @description The account that it is to belong to; one's own if it is left out. */
            owner?: string | null;
        };
        /** @description A token with its secret. */
        NewTokenView: {
            /** @description Shown now and never again. A password for `docker login` with any user name, or a bearer token. */
            secret: string;
            token: components["schemas"]["TokenView"];
        };
        /** @description A user to be made. */
        NewUser: {
            email?: string;
            full_name?: string;
            name: string;
            /**
             * Format: password
             * @description Without one they cannot log in until they get one.
             */
            password?: string | null;
            /** @description A role on every repository, such as `reader`; without one they may do what rules on some repositories say. */
            role?: string | null;
        };
        /** @description A webhook to be made. */
        NewWebhook: {
            /** @description `cloudevents` (`CloudEvents` 1.0 in JSON) if it is left out, or `distribution` (the envelope of Docker's distribution). */
            format?: string | null;
            /** @description Headers to send besides. */
            headers?: {
                [key: string]: string;
            };
            /** @description It is, if this is left out. */
            is_enabled?: boolean | null;
            /** @description `tag.push`, `tag.*` or `*`; nothing for what happens to content. */
            kinds?: string[];
            name: string;
            /** @description Repositories: `team/**`; nothing for any. */
            patterns?: string[];
            /** @description `whsec_` and base64; made if it is left out. */
            secret?: string | null;
            /** @example https://ci.example.org/hooks/berth */
            url: string;
        };
        /** @description Another password. */
        PasswordChange: {
            /**
             * Format: password
             * @description The password so far, for those who change their own.
             */
            before?: string | null;
            /** Format: password */
            password: string;
        };
        /** @description A package, and where it is. */
        PlacedPackage: {
            /** @description The image. */
            digest: string;
            package: components["schemas"]["FoundPackageView"];
            repository: string;
            scanner: string;
        };
        /** @description A page of places where a package is. */
        PlacedPackages: {
            /** @description The `last` of the next page. */
            next?: string | null;
            packages: components["schemas"]["PlacedPackage"][];
        };
        /** @description A component that somebody brings. */
        PluginFile: {
            /** @description The bytes of the component in base64, `plugin.toml` inside. */
            component: string;
        };
        /** @description A line of a plugin's log. */
        PluginLine: {
            at: string;
            /** @description What there is to search for. */
            fields: {
                [key: string]: string;
            };
            hook?: string | null;
            /** @description `trace`, `debug`, `info`, `warn` or `error`. */
            level: string;
            message: string;
            /** @description The request or the job. */
            request_id: string;
        };
        /** @description All installed plugins. */
        PluginList: {
            plugins: components["schemas"]["PluginView"][];
        };
        /** @description The last lines of a plugin's log, the oldest first. */
        PluginLog: {
            lines: components["schemas"]["PluginLine"][];
        };
        /** @description What can be said of a plugin by its `plugin.toml` alone. */
        PluginManifestView: {
            /** @description What it would like to use: `http https://api.example`, `secret token`, `key-value 1MiB`, `image metadata`. */
            asks: string[];
            description: string;
            /** @description What it can do: `admission`, `authenticator`, `authorizer`, `scanner`, `replication-target`, `event-sink`. */
            hooks: string[];
            license?: string | null;
            name: string;
            /** @description Its settings, as a JSON Schema. */
            schema: Record<string, never>;
            /** @description Names of the secrets that it would like to read. */
            secrets: string[];
            version: string;
        };
        /** @description Where a plugin comes from. */
        PluginSource: {
            /** @description The digest that it has to have. */
            digest?: string | null;
            /** @description A public key (PEM) that has to have signed it, instead of one that the configuration trusts. */
            key?: string | null;
            /** @description Their password there; it is not kept. */
            password?: string | null;
            /**
             * @description `bundled:NAME`, a reference such as `registry.example/acme/label-policy:1`, one without a registry for a repository of
             *     this one, or what `POST /plugin-files` gave.
             * @example bundled:freeze
             */
            source: string;
            /** @description A user's name at the other registry. */
            username?: string | null;
        };
        /** @description Another release of a plugin. */
        PluginUpgrade: {
            digest?: string | null;
            /** @description What it may use; has to be there if the release asks for more than the one before. */
            granted?: string[] | null;
            key?: string | null;
            password?: string | null;
            /** @description Where from; where it came from before, if this is left out. */
            source?: string | null;
            username?: string | null;
        };
        /** @description An installed plugin. */
        PluginView: {
            /** @description The digest of the artifact that it came as. */
            artifact?: string | null;
            asks: string[];
            changed_at: string;
            /** @description The digest of its component. */
            component: string;
            description: string;
            /** @description What it may use. */
            granted: string[];
            hooks: components["schemas"]["HookView"][];
            installed_at: string;
            installed_by: string;
            /** @description Whether the configuration decides about it, so that it cannot be changed here. */
            is_declared: boolean;
            is_enabled: boolean;
            license?: string | null;
            name: string;
            /** @description What it asks for and may not use, or not as much. */
            not_granted: string[];
            /** @description Where it came from: a reference, `bundled:NAME` or a file. */
            origin: string;
            /** @description The version before the last upgrade, to go back to. */
            previous_version?: string | null;
            /** @description Why it is broken. */
            problem?: string | null;
            /** @description Its settings, as a JSON Schema. */
            schema: Record<string, never>;
            secrets: components["schemas"]["SecretView"][];
            settings: Record<string, never>;
            /** @description The key that has signed it. */
            signed_by?: string | null;
            /** @description `in-force`, `disabled` or `broken`. */
            state: string;
            version: string;
        };
        /** @description The policies. */
        Policies: {
            policies: components["schemas"]["PolicyView"][];
        };
        /** @description A policy: what keeps wins over what drops, and what nothing drops is kept. */
        PolicyView: {
            /** @description Rules such as `{"older_than": "90d", "among": "pr-*"}`. */
            drop: Record<string, never>[];
            except_repositories: string[];
            /** @description Rules such as `{"newest": 10}`. */
            keep: Record<string, never>[];
            name: string;
            repositories: string[];
            updated_at: string;
            updated_by: string;
        };
        /** @description A policy to be made. */
        PolicyWish: {
            /** @description `older_than`, `not_pulled_for`, `untagged`, `tag` or `beyond_newest`; with `among`, of these tags alone. */
            drop: Record<string, never>[];
            except_repositories?: string[];
            /** @description `newest`, `semver`, `pushed_within`, `pulled_within`, `tag` or `referrer`; with `among`, of these tags alone. */
            keep?: Record<string, never>[];
            /** @description `team/app`, `team/*`, `team/**`. */
            repositories: string[];
        };
        /** @description A sign-in provider. */
        ProviderView: {
            allowed_domains: string[];
            allowed_groups: string[];
            authorities: string;
            client_id: string;
            created_at: string;
            created_by: string;
            /** @description Groups of ours that some of its groups are; the others are called `PROVIDER/VALUE`. */
            groups: {
                [key: string]: string;
            };
            groups_claim?: string | null;
            has_client_secret: boolean;
            is_disabled: boolean;
            is_open: boolean;
            /** @description What it calls itself; nothing for what its kind has. */
            issuer: string;
            /** @description `entra`, `google`, `github`, `gitlab`, `keycloak` or `oidc`. */
            kind: string;
            name: string;
            name_claim?: string | null;
            /** @description What has to be registered at the provider as the address to come back to. */
            redirect_uri: string;
            scopes: string[];
            sign_in_every?: string | null;
            /** @description What stands on its button; nothing for what its kind has. */
            title: string;
        };
        /** @description A provider to sign in by. */
        ProviderWish: {
            /** @description Only people with a verified address in one of these domains. */
            allowed_domains?: string[];
            /** @description Only people in one of these groups of the provider. */
            allowed_groups?: string[];
            /** @description PEM: certificate authorities that are trusted beside the system's. */
            authorities?: string;
            client_id: string;
            /**
             * Format: password
             * @description If it is left out, the one so far stays, unless `issuer` or `client_id` change.
             */
            client_secret?: string | null;
            /** @description Groups of ours that some of its groups are. */
            groups?: {
                [key: string]: string;
            };
            /** @description The claim that lists groups; a dot leads into one that has parts. */
            groups_claim?: string | null;
            is_disabled?: boolean;
            /** @description Whether everybody may sign in whom a provider of the public knows. */
            is_open?: boolean;
            /**
             * @description What it calls itself in its discovery document; for GitHub the address of its pages. Needed for `entra`, `keycloak` and
             *     `oidc`.
             * @example https://sso.example.com/realms/acme
             */
            issuer?: string;
            /**
             * @description `entra`, `google`, `github`, `gitlab`, `keycloak` or `oidc`.
             * @example keycloak
             */
            kind: string;
            /** @description The claim that becomes the name of the account. */
            name_claim?: string | null;
            /** @description Beside `openid`, `profile` and `email`. */
            scopes?: string[];
            /**
             * @description How long its word counts, such as `30d`: then people have to sign in again, and until then their tokens rest. For ever
             *     if it is left out.
             */
            sign_in_every?: string | null;
            /** @description What stands on its button. */
            title?: string;
        };
        /** @description All providers. */
        Providers: {
            providers: components["schemas"]["ProviderView"][];
        };
        /** @description Why something is let go. */
        QuarantineRelease: {
            /** @description For the audit trail. */
            reason?: string;
        };
        /** @description A rule that holds pushed images back. */
        QuarantineRuleView: {
            made_at: string;
            made_by: string;
            name: string;
            repositories: string[];
            /** @description Who may pull by digest meanwhile. */
            scanners: string[];
            /** @description Findings of this severity or worse hold an image; nothing if to be scanned is enough. */
            severity?: string | null;
        };
        /** @description A rule to be made or changed. */
        QuarantineRuleWish: {
            /** @description Patterns of repositories, such as `prod/**`. */
            repositories: string[];
            /** @description Who may pull by digest meanwhile: `robot:trivy`, `group:security`. */
            scanners?: string[];
            /** @description Findings of this severity or worse hold an image; nothing: to be scanned is enough. */
            severity?: string | null;
        };
        /** @description All rules. */
        QuarantineRules: {
            rules: components["schemas"]["QuarantineRuleView"][];
        };
        /** @description A quota, and how much of it is used. */
        QuotaView: {
            /**
             * Format: int64
             * @description Bytes of blobs and manifests; `null`: no limit.
             */
            bytes?: number | null;
            /**
             * @description `team` is the repository `team` and all below `team/`; `*` is the whole registry.
             * @example team
             */
            namespace: string;
            /** Format: int64 */
            tags?: number | null;
            updated_at: string;
            updated_by: string;
            /**
             * Format: int64
             * @description Bytes of one blob.
             */
            upload_bytes?: number | null;
            /**
             * Format: int64
             * @description A blob counts once, however many repositories of the namespace have it.
             */
            used_bytes: number;
            /** Format: int64 */
            used_tags: number;
        };
        /** @description What a namespace may hold; what is not named is not limited. */
        QuotaWish: {
            /**
             * Format: int64
             * @description Bytes of blobs and manifests.
             */
            bytes?: number | null;
            /** @description `team` is the repository `team` and all below `team/`; `*` is the whole registry. */
            namespace: string;
            /** Format: int64 */
            tags?: number | null;
            /**
             * Format: int64
             * @description Bytes of one blob.
             */
            upload_bytes?: number | null;
        };
        /** @description A page of quotas, in the order of their namespaces. */
        Quotas: {
            /** @description The `last` of the next page. */
            next?: string | null;
            quotas: components["schemas"]["QuotaView"][];
        };
        /** @description A delivery that was asked for. */
        Redelivery: {
            /**
             * Format: int64
             * @description The job that delivers it.
             */
            job: number;
        };
        /** @description A manifest that says something about another one. */
        ReferrerView: {
            annotations: components["schemas"]["Annotation"][];
            artifact_type?: string | null;
            digest: string;
            media_type: string;
            signature?: components["schemas"]["SignatureView"] | null;
            /** Format: int64 */
            size_bytes: number;
        };
        /** @description What refers to a manifest. */
        Referrers: {
            referrers: components["schemas"]["ReferrerView"][];
            /** @description Those that lie under tags made of its digest, as older clients of cosign have it. */
            tagged_signatures: components["schemas"]["TaggedSignatureView"][];
        };
        /** @description What of a rule is to be changed; what is left out stays. An empty text takes `versions` or `schedule` away. */
        ReplicationRuleChange: {
            deletions?: boolean | null;
            is_enabled?: boolean | null;
            labels?: string[] | null;
            on_push?: boolean | null;
            platforms?: string[] | null;
            repositories?: string[] | null;
            schedule?: string | null;
            tags?: string[] | null;
            versions?: string | null;
        };
        /** @description What goes to a target. */
        ReplicationRuleView: {
            created_at: string;
            created_by: string;
            /** @description Whether what is deleted here is deleted there. */
            deletions: boolean;
            is_enabled: boolean;
            /** @description Labels or annotations that the image has, as `KEY` or `KEY=VALUE`. */
            labels: string[];
            name: string;
            /** @description When that is next. */
            next_run_at?: string | null;
            /** @description Whether a push is followed at once. */
            on_push: boolean;
            /** @description Of an index only the images for these; none: all. */
            platforms: string[];
            /** @description Repositories, as globs; none: all. */
            repositories: string[];
            /** @description When all of it is looked at again: a cron expression. */
            schedule?: string | null;
            /** @description Tags, as globs; none: all. */
            tags: string[];
            target: string;
            /** @description Tags that are versions in this range. */
            versions?: string | null;
        };
        /** @description All rules, by name. */
        ReplicationRules: {
            rules: components["schemas"]["ReplicationRuleView"][];
        };
        /** @description What is to be brought to targets now; all that rules are about, if nothing is named. */
        ReplicationRun: {
            /** @description A tag or digest of the repository. */
            reference?: string | null;
            repository?: string | null;
            /** @description Only to this target. What is named goes there whatever rules say. */
            target?: string | null;
        };
        /** @description Where it goes. */
        ReplicationRunning: {
            targets: string[];
        };
        /** @description What a target has of one tag or digest. */
        ReplicationStateView: {
            /** @description Since when it is behind. */
            behind_since?: string | null;
            /**
             * Format: int64
             * @description Attempts in a row that failed.
             */
            failures: number;
            /**
             * Format: int64
             * @description For how many seconds.
             */
            lag_seconds: number;
            /** @description Why the last one failed, or what came of it. */
            reason?: string | null;
            /** @description A tag or digest. */
            reference: string;
            repository: string;
            /**
             * Format: int64
             * @description Bytes that were sent for it, in all.
             */
            sent_bytes: number;
            /** @description `even`: it has what is here; `behind`: it does not yet; `failing`: the last attempt has failed. */
            state: string;
            target: string;
            /** @description The digest that the target has. */
            there?: string | null;
            /** @description Since when. */
            there_at?: string | null;
        };
        /** @description A page of what targets have, by target, repository and tag. */
        ReplicationStates: {
            /** @description The `after` of the next page. */
            next?: string | null;
            states: components["schemas"]["ReplicationStateView"][];
        };
        /** @description What of a target is to be changed; what is left out stays. `0` takes a bound away. */
        ReplicationTargetChange: {
            authorities?: string | null;
            /** Format: int64 */
            bytes_per_second?: number | null;
            /** Format: int64 */
            chunk_bytes?: number | null;
            is_paused?: boolean | null;
            naming?: string | null;
            /** Format: int32 */
            parallel?: number | null;
            password?: string | null;
            plugin?: string | null;
            url?: string | null;
            username?: string | null;
        };
        /** @description A place that content is copied to. */
        ReplicationTargetView: {
            /** @description Certificates (PEM) of authorities that are trusted beside the system's. */
            authorities: string;
            /**
             * Format: int64
             * @description Bytes a second at most, of all blobs together.
             */
            bytes_per_second?: number | null;
            /**
             * Format: int64
             * @description Blobs are sent in pieces of at most this many bytes.
             */
            chunk_bytes?: number | null;
            created_at: string;
            created_by: string;
            is_paused: boolean;
            /** @description `registry` or `plugin`. */
            kind: string;
            name: string;
            /** @description What a repository is called there: `{repository}` is its name here, `{name}` the last part of it. */
            naming: string;
            /**
             * Format: int32
             * @description How many blobs are on their way at the same time.
             */
            parallel: number;
            /** @description The address of a registry, or the name of a plugin. */
            place: string;
            /** @description Who we are there. */
            username?: string | null;
        };
        /** @description All targets, by name. */
        ReplicationTargets: {
            targets: components["schemas"]["ReplicationTargetView"][];
        };
        /** @description A page of repositories. */
        Repositories: {
            /** @description The `last` of the next page. */
            next?: string | null;
            repositories: components["schemas"]["Repository"][];
        };
        /** @description A repository, as the API shows it. */
        Repository: {
            created_at: string;
            /** @description What it is about, as Markdown. */
            description: string;
            /** @description Whether anybody may pull, logged in or not. */
            is_public: boolean;
            /** Format: int64 */
            manifests: number;
            name: string;
            /** @description When a manifest was last pulled. */
            pulled_at?: string | null;
            /** @description When a manifest was last pushed. */
            pushed_at?: string | null;
            /**
             * Format: int64
             * @description What its own blobs and manifests take; blobs that it shares with others count in each.
             */
            size_bytes: number;
            /** Format: int64 */
            tags: number;
            updated_at: string;
        };
        /** @description What of a repository is to be changed. */
        RepositoryChange: {
            /** @description What it is about, as Markdown; for a repository that exists. */
            description?: string | null;
            /** @description Whether anybody may pull: makes or removes the rule that lets everyone read this one repository. */
            is_public?: boolean | null;
        };
        /** @description A repository over time. Days without anything are left out. */
        RepositoryStatistics: {
            traffic: components["schemas"]["Traffic"][];
        };
        /** @description What is there again. */
        RestoredView: {
            digest: string;
            tags: string[];
        };
        /** @description A run. */
        RetentionRunView: {
            /** Format: int64 */
            dropped_manifests: number;
            /** Format: int64 */
            dropped_tags: number;
            /** @description Nothing while it goes on, or if it broke off. */
            finished_at?: string | null;
            /**
             * Format: int64
             * @description The job that it is.
             */
            job: number;
            /** Format: int64 */
            kept_tags: number;
            /** Format: int64 */
            repositories: number;
            started_at: string;
        };
        /** @description A page of runs, the latest first. */
        RetentionRuns: {
            /**
             * Format: int64
             * @description The `before` of the next page.
             */
            next?: number | null;
            runs: components["schemas"]["RetentionRunView"][];
        };
        /** @description What of a robot is to be changed; what is left out stays. */
        RobotChange: {
            description?: string | null;
            is_disabled?: boolean | null;
        };
        /** @description A program. */
        RobotView: {
            created_at: string;
            description: string;
            groups: string[];
            is_disabled: boolean;
            name: string;
        };
        /** @description A page of robots. */
        Robots: {
            /** @description The `last` of the next page. */
            next?: string | null;
            robots: components["schemas"]["RobotView"][];
        };
        /** @description A role. */
        RoleView: {
            actions: string[];
            description: string;
            /** @description The built-in ones stay as they are. */
            is_built_in: boolean;
            name: string;
        };
        /** @description What a role allows. */
        RoleWish: {
            /** @description `pull`, `push`, `delete`, `sign`, `manage`, or ACR's names for them. */
            actions: string[];
            description?: string;
        };
        /** @description All roles. */
        Roles: {
            roles: components["schemas"]["RoleView"][];
        };
        /** @description How a token is rotated. */
        Rotation: {
            /** @description How long the old secret stays good, such as `1h`; a day if it is left out, `0s` for not at all. */
            overlap?: string | null;
        };
        /** @description A rule that was looked at. */
        RuleView: {
            actions: string[];
            effect: string;
            /** Format: int64 */
            id: number;
            pattern: string;
            role?: string | null;
            subject: string;
        };
        /** @description The rules that make tags immutable. */
        Rules: {
            rules: components["schemas"]["ImmutabilityView"][];
        };
        /** @description A page of findings, the worst first. */
        ScanFindings: {
            findings: components["schemas"]["FindingView"][];
            /**
             * Format: int64
             * @description The `last` of the next page.
             */
            next?: number | null;
        };
        /** @description A page of packages. */
        ScanPackages: {
            /**
             * Format: int64
             * @description The `last` of the next page.
             */
            next?: number | null;
            packages: components["schemas"]["FoundPackageView"][];
        };
        /** @description What one scanner says about one image. */
        ScanReportView: {
            /** @description The image; of an index, one of those that it lists. */
            digest: string;
            findings: components["schemas"]["SeverityView"];
            /** @description When the result came that is here; nothing while there is none. */
            finished_at?: string | null;
            /**
             * Format: int64
             * @description Findings that a newer version mends.
             */
            fixable: number;
            /**
             * Format: int64
             * @description Of the advisories that the packages were matched with.
             */
            generation: number;
            /** Format: int64 */
            packages: number;
            /** @description Why it failed. */
            reason?: string | null;
            requested_at: string;
            scanner: string;
            scanner_version?: string | null;
            started_at?: string | null;
            /** @description `waiting`, `running`, `done` or `failed`. What was found before stays until something else is. */
            state: string;
        };
        /** @description What is looked at now. */
        ScansRequestedView: {
            /** @description Images. */
            images: string[];
            /** @description The scanners that look at each of them. */
            scanners: string[];
        };
        /** @description What is known of an image. */
        ScansView: {
            digest: string;
            /** @description Why it is held back, if it is. */
            held?: string | null;
            reports: components["schemas"]["ScanReportView"][];
        };
        /** @description Something that is done again and again. */
        ScheduleView: {
            /**
             * @description The setting that says when.
             * @example gc.schedule
             */
            key: string;
            last_job?: components["schemas"]["JobView"] | null;
            /** @description When it was last due. */
            last_run_at?: string | null;
            name: string;
            /** @description `null` if it is off, or nobody has served since it was set. */
            next_run_at?: string | null;
            /**
             * @description As a crontab has it, and a time zone; `null`: only when somebody asks.
             * @example 0 3 * * * Europe/Berlin
             */
            rule?: string | null;
        };
        /** @description All of them. */
        Schedules: {
            schedules: components["schemas"]["ScheduleView"][];
        };
        /** @description What is wanted of a scrub: nothing can be chosen yet. */
        ScrubWish: Record<string, never>;
        /** @description A secret of a plugin; its value is never shown. */
        SecretView: {
            is_set: boolean;
            name: string;
        };
        /** @description A browser that is signed in. */
        SessionView: {
            /** @description What every change has to repeat in the header `X-CSRF-Token`. */
            csrf_token: string;
            /** @description When it ends. */
            expires_at: string;
            /** @description `password`, or the provider that vouched for them. */
            method: string;
        };
        /** @description A setting that is in force. */
        SettingView: {
            /** @description What it means. */
            explanation: string;
            key: string;
            /** @description `default`, a line of the file, a variable of the environment, or a flag. */
            source: string;
            /** @description As TOML writes it; secrets are masked. */
            value: string;
        };
        /** @description All settings. */
        Settings: {
            settings: components["schemas"]["SettingView"][];
        };
        /** @description The first administrator. */
        Setup: {
            /** Format: password */
            password: string;
            /** @description What the link holds, behind its `#`. */
            token: string;
            username: string;
        };
        /** @description How many findings there are of each severity. */
        SeverityView: {
            /** Format: int64 */
            critical: number;
            /** Format: int64 */
            high: number;
            /** Format: int64 */
            low: number;
            /** Format: int64 */
            medium: number;
            /** Format: int64 */
            negligible: number;
            /** Format: int64 */
            unknown: number;
        };
        /** @description Signing in with a password. */
        SignIn: {
            /** Format: password */
            password: string;
            username: string;
        };
        /** @description What a signature is worth, by the keys of `signatures.keys`. */
        SignatureView: {
            /** @description The name of the key that has made it, when it is verified. */
            key?: string | null;
            /** @description Why it is invalid or unchecked. */
            reason?: string | null;
            /** @description `verified`, `unknown-key`, `invalid` or `unchecked`. */
            state: string;
        };
        /** @description Snapshots of the database in the bucket of the blobs. */
        SnapshotsView: {
            /** @description The moment that it shows. */
            at?: string | null;
            /** @description Why none can be written. */
            failure?: string | null;
            /** @description The last one. */
            id?: string | null;
        };
        /** @description The registry over time. Days without anything are left out. */
        Statistics: {
            /** @description Counted every minute; the last entry is of today. */
            growth: components["schemas"]["Growth"][];
            traffic: components["schemas"]["Traffic"][];
        };
        /** @description One thing that was tried. */
        StepView: {
            /** @description What came of it, in words. */
            detail: string;
            is_good: boolean;
            /** @description `connect`, `tls`, `bind`, `search`, `user`, `password` or `groups`. */
            step: string;
        };
        /** @description This Berth. */
        System: {
            /** @description Where blobs go: `fs`, `memory`, `s3`, `azblob` or `gcs`. */
            backend: string;
            /**
             * Format: int64
             * @description Bytes of the database file.
             */
            database_bytes?: number | null;
            /**
             * Format: int64
             * @description Bytes that may still be written to the disk of the data directory.
             */
            disk_free_bytes?: number | null;
            /**
             * Format: int64
             * @description Bytes of it that pushes leave alone.
             */
            disk_reserve_bytes?: number | null;
            /** @description Whether Berth itself speaks TLS. */
            has_tls: boolean;
            /** @description The URL that clients use, if it is set. */
            public_url?: string | null;
            started_at: string;
            version: string;
        };
        /** @description One step of a tag's history. */
        TagStep: {
            action: string;
            actor: string;
            at: string;
            digest: string;
            /** Format: int64 */
            id: number;
            previous?: string | null;
        };
        /** @description A tag, as the API shows it. */
        TagView: {
            digest: string;
            findings?: components["schemas"]["SeverityView"] | null;
            media_type: string;
            name: string;
            /** Format: int64 */
            size_bytes: number;
            updated_at: string;
            updated_by: string;
        };
        /** @description A signature or an attestation under a tag. */
        TaggedSignatureView: {
            /** @description Of what holds the statement. */
            digest: string;
            signature: components["schemas"]["SignatureView"];
            tag: string;
        };
        /** @description A page of tags. */
        Tags: {
            /** @description The `last` of the next page. */
            next?: string | null;
            tags: components["schemas"]["TagView"][];
        };
        /** @description Where a tag is to point. */
        Target: {
            /** @description A manifest of the repository. */
            digest: string;
        };
        /** @description Text of a file or a blob. */
        Text: {
            /** @description What is no UTF-8 is replaced. */
            text: string;
        };
        /** @description A page of the history of all tags, the latest step first. */
        Timeline: {
            events: components["schemas"]["TimelineStep"][];
            /**
             * Format: int64
             * @description The `before` of the next page.
             */
            next?: number | null;
        };
        /** @description A step of some tag's history. */
        TimelineStep: {
            /** @description `push` or `delete`. */
            action: string;
            actor: string;
            at: string;
            digest: string;
            /** Format: int64 */
            id: number;
            previous?: string | null;
            tag: string;
        };
        /** @description A token. */
        TokenView: {
            /** @description Networks that it may be used from; nothing for anywhere. */
            addresses: string[];
            created_at: string;
            created_by: string;
            expires_at?: string | null;
            /** Format: int64 */
            id: number;
            /** @description To within some seconds. */
            last_used_at?: string | null;
            last_used_from?: string | null;
            /** @description What it is limited to on top of what its owner may do; nothing for no limit. */
            limits: components["schemas"]["LimitView"][];
            /**
             * Format: int64
             * @description Two while it is rotated.
             */
            live_secrets: number;
            name: string;
            /** @description The account that it belongs to. */
            owner: string;
            /** @description `user` or `robot`. */
            owner_kind: string;
        };
        /** @description A page of tokens. */
        Tokens: {
            /**
             * Format: int64
             * @description The `last` of the next page.
             */
            next?: number | null;
            tokens: components["schemas"]["TokenView"][];
        };
        /** @description Pulls and pushes of one day, in UTC. */
        Traffic: {
            day: string;
            /**
             * Format: int64
             * @description Manifests that were pulled.
             */
            pulls: number;
            /**
             * Format: int64
             * @description Manifests that were pushed.
             */
            pushes: number;
        };
        /** @description A page of the trash, the latest first. */
        Trash: {
            /** @description The `before` of the next page. */
            next?: string | null;
            trash: components["schemas"]["TrashView"][];
        };
        /** @description Something that can be brought back. */
        TrashView: {
            deleted_at: string;
            deleted_by: string;
            /** @description What the tag pointed at, or the manifest. */
            digest: string;
            /** @description `moved` or `deleted`. */
            reason: string;
            /** @example team/app */
            repository: string;
            /**
             * Format: int64
             * @description Bytes of the manifest and of everything that it describes.
             */
            size_bytes: number;
            /** @description The tag; `null` for a manifest. */
            tag?: string | null;
            /** @description Until when it can be brought back. */
            until: string;
        };
        /** @description A token to be tried. */
        Trial: {
            /** Format: password */
            token: string;
        };
        /** @description How a directory is to be tried. */
        TrialWish: {
            /**
             * Format: password
             * @description Their password, to be tried as well.
             */
            password?: string | null;
            /** @description Somebody to look for. */
            user?: string | null;
        };
        /** @description What a rule says of a token. */
        TriedRuleView: {
            accepts: boolean;
            name: string;
            /** @description What does not hold. */
            refusal?: string | null;
        };
        /** @description What is shut out, or let in again. */
        TrustSwitch: {
            is_disabled: boolean;
        };
        /** @description What is to be brought back: one of both. */
        Undelete: {
            digest?: string | null;
            tag?: string | null;
        };
        /** @description A run. */
        UpkeepRunView: {
            /**
             * @description What it did: rows that were `examined` and those of them that were `kept`, `manifests`, `links` (blobs that repositories
             *     let go of), `blobs` with their `bytes`, entries of the `trash` whose time was over, and `objects` that were removed.
             */
            done: Record<string, never>;
            /** @description `null` if it runs, or waits to go on. */
            finished_at?: string | null;
            /** Format: int64 */
            id: number;
            /**
             * Format: int64
             * @description The job that did it; jobs are forgotten sooner than runs.
             */
            job: number;
            started_at: string;
        };
        /** @description The latest runs. */
        UpkeepRuns: {
            runs: components["schemas"]["UpkeepRunView"][];
        };
        /** @description What of a user is to be changed; what is left out stays. */
        UserChange: {
            email?: string | null;
            full_name?: string | null;
            /** @description Disabled users lose what was issued to them, and cannot log in. */
            is_disabled?: boolean | null;
            /** @description The one role on every repository from now on; `none` for none. */
            role?: string | null;
        };
        /** @description A person. */
        UserView: {
            created_at: string;
            email: string;
            full_name: string;
            groups: string[];
            has_password: boolean;
            is_disabled: boolean;
            last_login_at?: string | null;
            name: string;
            /** @description Who vouches for them; nobody for those with a password here. */
            provider?: string | null;
            /** @description Roles on every repository; rules may give more on some. */
            roles: string[];
        };
        /** @description A page of users. */
        Users: {
            /** @description The `last` of the next page. */
            next?: string | null;
            users: components["schemas"]["UserView"][];
        };
        /** @description What is to be verified. */
        Verification: {
            known?: components["schemas"]["Head"] | null;
        };
        /** @description What a verification found. */
        Verified: {
            /** Format: int64 */
            event_count: number;
            /** @description At most 1,000. */
            faults: components["schemas"]["FaultView"][];
            head: components["schemas"]["Head"];
            is_whole: boolean;
        };
        /** @description A page of findings of all repositories, the worst first. */
        Vulnerabilities: {
            /** @description The `last` of the next page. */
            next?: string | null;
            vulnerabilities: components["schemas"]["Vulnerability"][];
        };
        /** @description Something that was found, and where. */
        Vulnerability: {
            /** @description The image. */
            digest: string;
            finding: components["schemas"]["FindingView"];
            repository: string;
            scanner: string;
        };
        /** @description Something that asks for attention. */
        Warning: {
            /** @description `backup`, `certificate`, `disk`, `jobs`, `webhook`, `tls`. */
            kind: string;
            /** @description What is wrong, and what to do. */
            message: string;
            /** @description `error` when something does not work, `warning` when it will not for long. */
            severity: string;
            /** @description What it is about: a webhook's name, a kind of job, a file; may be empty. */
            subject: string;
        };
        /** @description What asks for attention, the worst first. */
        Warnings: {
            warnings: components["schemas"]["Warning"][];
        };
        /** @description What of a webhook is to be changed; what is left out stays. */
        WebhookChange: {
            /** @description `cloudevents` or `distribution`. */
            format?: string | null;
            headers?: {
                [key: string]: string;
            } | null;
            is_enabled?: boolean | null;
            kinds?: string[] | null;
            patterns?: string[] | null;
            /** @description `whsec_` and base64. */
            secret?: string | null;
            url?: string | null;
        };
        /** @description A webhook. */
        WebhookView: {
            created_at: string;
            created_by: string;
            /** @description `cloudevents` or `distribution`. */
            format: string;
            /** @description Names of the headers that are sent besides; what is in them is not shown. */
            headers: string[];
            /** Format: int64 */
            id: number;
            is_enabled: boolean;
            is_signed: boolean;
            /** @description Kinds of events that it is told of; nothing for the usual ones. */
            kinds: string[];
            name: string;
            /** @description Patterns of repositories; nothing for any. */
            patterns: string[];
            url: string;
        };
        /** @description All webhooks. */
        Webhooks: {
            webhooks: components["schemas"]["WebhookView"][];
        };
        /** @description Where a tag is to point again: neither of both means where it pointed before its last step. */
        WhereTo: {
            /**
             * @description Where it pointed at this moment.
             * @example 2026-11-24T10:05:09Z
             */
            at?: string | null;
            /** @description At this manifest. */
            to?: string | null;
        };
        /** @description A group with its members. */
        WholeGroup: {
            group: components["schemas"]["GroupView"];
            members: components["schemas"]["MemberView"][];
        };
        /** @description A job, and what it said. */
        WholeJob: {
            job: components["schemas"]["JobView"];
            /** @description The last 1,000 lines. */
            log: components["schemas"]["Line"][];
        };
        /** @description A decision, and what led to it. */
        Why: {
            action: string;
            /** @description What decided, in words. */
            because: string;
            /** @description All rules about them that fit the repository, whatever they say of the action. */
            fitting_rules: components["schemas"]["RuleView"][];
            is_allowed: boolean;
            repository: string;
            rule?: components["schemas"]["RuleView"] | null;
            subject: string;
            /** @description Whom rules may be about when they ask. */
            subjects: string[];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
