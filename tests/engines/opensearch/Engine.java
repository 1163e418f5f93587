/*
 * Copyright (c) 2026 The syslog-ng-sip authors
 *
 * This program is free software; you can redistribute it and/or modify it
 * under the terms of the GNU General Public License as published by the
 * Free Software Foundation; either version 2 of the License, or (at your
 * option) any later version.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.List;

import org.codelibs.opensearch.runner.node.OpenSearchRunnerNode;
import org.opensearch.analysis.common.CommonAnalysisPlugin;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.index.mapper.MapperExtrasPlugin;
import org.opensearch.index.reindex.ReindexPlugin;
import org.opensearch.ingest.common.IngestCommonPlugin;
import org.opensearch.node.Node;
import org.opensearch.painless.PainlessPlugin;
import org.opensearch.transport.Netty4Plugin;

/** One OpenSearch node on the loopback address: Engine HOME PORT. */
public class Engine
{
  public static void main(String[] args) throws Exception
  {
    Path home = Paths.get(args[0]).toAbsolutePath();
    Settings settings = Settings.builder()
      .put("path.home", home)
      .put("cluster.name", "sip-test")
      .put("node.name", "sip-1")
      .put("discovery.type", "single-node")
      .put("network.host", "127.0.0.1")
      .put("http.port", args[1])
      .put("transport.port", "0")
      .put("cluster.routing.allocation.disk.threshold_enabled", false)
      .build();
    Node node = new OpenSearchRunnerNode(new Environment(settings, home.resolve("config")),
                                         List.of(Netty4Plugin.class, CommonAnalysisPlugin.class,
                                                 MapperExtrasPlugin.class, ReindexPlugin.class,
                                                 IngestCommonPlugin.class, PainlessPlugin.class));
    node.start();
    Thread.currentThread().join();
  }
}
